// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The short form of `make storm`: the same story in each run, unless --seed asks for another.
#include "lab/storm.h"

#include "tests/support.h"

namespace lab {

class Storms : public LabTest {
protected:
	Storms() : LabTest(minutes(12)) {}
};

TEST_F(Storms, CostNoDataAndLeaveNothing)
{
	if (!ours())
		GTEST_SKIP() << "Debian's module does not survive a single cable";
	const auto print = [](const std::string &text) { std::cout << "storm: " << text << std::endl; };
	const StormReport report = weather_storm(lab(), test_options().seed, kShortStorm, print);

	RecordProperty("story", report.story());
	std::cout << "storm: " << report.story() << std::endl;
	EXPECT_TRUE(report.held()) << report.story();
}

// Both are promises: a seed is a story, and the short form is long enough.
TEST(StormPlan, IsTheSameForTheSameSeedAndHasAllItIsAskedFor)
{
	std::map<Deed, unsigned> count;
	std::string first, second;

	for (const StormAction &action : plan_storm(7, kShortStorm)) {
		count[action.deed]++;
		first += fmt::format("{} {}\n", action.pause.count(), action.story());
	}
	for (const StormAction &action : plan_storm(7, kShortStorm))
		second += fmt::format("{} {}\n", action.pause.count(), action.story());
	EXPECT_EQ(first, second);
	EXPECT_GE(count[Deed::pull_cable], 20u);
	EXPECT_EQ(count[Deed::pull_cable], count[Deed::plug_cable]);
	EXPECT_EQ(count[Deed::kill_iscsid], count[Deed::start_iscsid]);
	EXPECT_EQ(count[Deed::delete_device], count[Deed::add_device]);
	for (Deed deed : {Deed::kill_iscsid, Deed::delete_device, Deed::unload, Deed::reset_target})
		EXPECT_GE(count[deed], 5u);
}

} // namespace lab
