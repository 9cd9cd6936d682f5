// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// A target in user space, which never invalidates an rkey and answers a connection with no private data.
#include "lab/failover.h"
#include "lab/fio.h"
#include "tests/support.h"

namespace lab {

class Tgt : public LabTest {
protected:
	Tgt() : LabTest(minutes(6)) {}

	void SetUp() override
	{
		LabTest::SetUp();
		tgt_.emplace(target());
	}

	// The module is there for the next test whatever happened here.
	void clean_up() override
	{
		tgt_.reset();
		initiator().run("modprobe ib_iser");
	}

	std::string disk_of(Login &login)
	{
		std::string disk = login.disk(1);

		// It serves 512 KiB per command and no more.
		initiator().output("echo 512 >/sys/block/" + disk.substr(5) + "/queue/max_sectors_kb");
		return disk;
	}

	std::optional<TgtInsteadOfLio> tgt_;
};

TEST_F(Tgt, IsDiscoveredLoggedInToVerifiedAndUnloaded)
{
	const CommandResult found = discover(initiator(), portal(Path::A));

	EXPECT_THAT(found, Succeeded());
	EXPECT_THAT(found.out, testing::HasSubstr(kTgtTarget));
	initiator().run("iscsiadm -m node -o delete; iscsiadm -m discoverydb -t st -I iser -o delete -p " +
			portal(Path::A));

	Login login(initiator(), kTgtTarget, portal(Path::A));
	EXPECT_THAT(verify_disk(initiator(), disk_of(login), 8, "16M"), Succeeded());
	ASSERT_THAT(login.logout(), Succeeded());
	// udev may still have one of the disks open.
	EXPECT_TRUE(eventually([&] { return lab().remove_module().ok(); }, seconds(60), seconds(1)));
}

// Not unsolicited: UPSTREAM.md, "tgt writes unsolicited data over its own buffers".
TEST_F(Tgt, TakesTheDataWithTheCommandOrFetchesIt)
{
	for (const char *immediate : {"Yes", "No"}) {
		SCOPED_TRACE(testing::Message() << "ImmediateData=" << immediate);
		tgt_->set("ImmediateData", immediate);
		Login login(initiator(), kTgtTarget, portal(Path::A),
			    {{"node.session.iscsi.InitialR2T", "No"}, {"node.session.iscsi.ImmediateData", "Yes"}});
		const std::string disk = disk_of(login);

		EXPECT_THAT(verify_disk(initiator(), disk, 8, "8M"), Succeeded());
		if (!ours())
			continue;
		Statistics moved = login.statistics();
		EXPECT_EQ(moved["immediate_bytes"] > 0, std::string(immediate) == "Yes");
		EXPECT_EQ(moved["unsolicited_bytes"], 0u);
		EXPECT_GT(moved["solicited_bytes"], 0u);
	}
}

TEST_F(Tgt, PathsFailOverWhenTheCableIsPulled)
{
	if (!ours())
		expect_complaints();
	const FailoverReport report = fail_over(
		lab(), cable_at_initiator(), tuned(), 2,
		[](const std::string &text) { std::cout << "lab: " << text << std::endl; },
		{.target = kTgtTarget, .lun = 1});

	std::cout << report.story();
	if (!ours())
		return; // shown, not judged
	EXPECT_EQ(report.rounds.size(), 2u);
	for (const FailoverRound &round : report.rounds) {
		EXPECT_GE(round.failed_after, Seconds(0));
		EXPECT_LT(round.gap(), seconds(10));
		EXPECT_TRUE(round.recovered);
	}
	EXPECT_TRUE(report.io_verified) << report.io_story;
}

} // namespace lab
