// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The short form of `make storm`: the same story in each run, unless --seed asks for another.
#include "lab/storm.h"

#include "tests/support.h"

namespace lab {

class Storms : public LabTest {
protected:
	Storms() : LabTest(minutes(20)) {}
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

// Promises: a printed seed is the same story for ever, and the short form and the parts are long enough.
TEST(StormPlan, IsTheSeedsAndHasAllItIsAskedFor)
{
	std::map<Deed, unsigned> count;
	std::vector<std::string> stories;

	for (const StormAction &action : plan_storm(11, kShortStorm)) {
		count[action.deed]++;
		stories.push_back(action.story());
	}
	ASSERT_EQ(stories.size(), 77u);
	stories.resize(8);
	EXPECT_THAT(stories,
		    testing::ElementsAre("target machine reset", "cable A out at the target",
					 "cable B out at the target", "cable B out at the initiator",
					 "rxe0 deleted", "rxe0 added", "cable B in at the target",
					 "cable A in at the target"));
	EXPECT_GE(count[Deed::pull_cable], 20u);
	EXPECT_EQ(count[Deed::pull_cable], count[Deed::plug_cable]);
	EXPECT_EQ(count[Deed::kill_iscsid], count[Deed::start_iscsid]);
	EXPECT_EQ(count[Deed::delete_device], count[Deed::add_device]);
	for (Deed deed : {Deed::kill_iscsid, Deed::delete_device, Deed::unload, Deed::reset_target})
		EXPECT_GE(count[deed], 5u);
}

} // namespace lab
