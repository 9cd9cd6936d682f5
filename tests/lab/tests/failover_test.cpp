// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What the module is for: dm-multipath over both paths with the distribution's defaults, and a
// cable that is pulled at the initiator for 20 s and plugged in again.
#include <algorithm>

#include "lab/failover.h"
#include "tests/support.h"

namespace lab {

class Failover : public LabTest {
protected:
	static constexpr unsigned kRounds = 5;

	Failover() : LabTest(minutes(12)) {}
};

// Reads what the sessions remember, as a monitor may at any time.
static constexpr const char *kReadOnAndOn = R"(touch /run/reading
reads=0
while [ -e /run/reading ]; do
	cat /sys/kernel/debug/ib_iser/session* >/dev/null && reads=$((reads + 1))
	sleep 0.05
done
echo $reads)";

TEST_F(Failover, IoGoesOnWhenTheCableIsPulledAndBothPathsComeBack)
{
	if (!ours())
		expect_complaints();
	Job reader = initiator().start(kReadOnAndOn, minutes(12));
	const FailoverReport report = fail_over(lab(), cable_at_initiator(), {}, kRounds, [](const std::string &text) {
		std::cout << "lab: " << text << std::endl;
	});

	initiator().output("rm /run/reading");
	const std::string reads = reader.wait().out;

	RecordProperty("longest_gap_s", fmt::format("{:.2f}", report.longest_gap().count()));
	std::cout << report.story();
	if (!ours())
		return; // shown, not judged
	EXPECT_EQ(report.rounds.size(), kRounds);
	for (const FailoverRound &round : report.rounds) {
		EXPECT_LT(round.gap(), seconds(10));
		EXPECT_TRUE(round.recovered);
	}
	EXPECT_TRUE(report.io_verified) << report.io_story;
	EXPECT_GT(std::stoi(reads), 100);
}

} // namespace lab
