// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What must end in a bounded time whatever the peer does: ep_disconnect, the release of a
// connection's resources, the removal of a device, the unloading of the module.
#include "lab/fio.h"
#include "lab/trace.h"
#include "tests/support.h"

namespace lab {

using std::chrono::milliseconds;

class Bounds : public LabTest {
protected:
	explicit Bounds(seconds limit = minutes(4)) : LabTest(limit) {}

	void SetUp() override
	{
		LabTest::SetUp();
		if (!ours())
			GTEST_SKIP() << "Debian's module has no trace events, and no bounds";
		trace_.emplace(lab());
		trace_->begin();
	}

	void clean_up() override
	{
		trace_.reset();
		initiator().run("lsmod | grep -q ^ib_iser || modprobe ib_iser");
		for (unsigned i : {0, 1})
			initiator().run(fmt::format("rdma link show rxe{0}/1 || "
						    "rdma link add rxe{0} type rxe netdev eth{0}",
						    i));
	}

	// The last release may still be under way.
	Teardowns expect_bounded_teardowns(unsigned at_least)
	{
		Teardowns seen;

		EXPECT_TRUE(eventually([&] { return (seen = trace_->teardowns()).unreleased == 0; }, seconds(5)))
			<< seen.unreleased << " connections are not released";
		EXPECT_GE(seen.releases, at_least);
		EXPECT_LT(seen.slowest_disconnect.count(), 0.1);
		EXPECT_LT(seen.slowest_stop.count(), 0.5);
		EXPECT_LT(seen.slowest_release.count(), 1);
		std::cout << fmt::format("lab: {} connections: slowest ep_disconnect {:.1f} ms, slowest conn_stop "
					 "{:.1f} ms, slowest release {:.1f} ms after the stop, at most {} at "
					 "once\n",
					 seen.releases, seen.slowest_disconnect.count() * 1e3,
					 seen.slowest_stop.count() * 1e3, seen.slowest_release.count() * 1e3, seen.most_at_once);
		return seen;
	}

	// Endpoints of connects that the silent target does not answer, and of which iscsiadm, killed
	// with -9, tells nobody.
	void leak_endpoints(unsigned count)
	{
		const long others = endpoints();

		for (unsigned i = 0; i < count; i++) {
			Job job = initiator().start("exec iscsiadm -m discovery -t st -I iser -p " +
						    portal(kPaths[i % 2]));

			EXPECT_TRUE(eventually([&] { return endpoints() == others + i + 1; }, seconds(20),
					       milliseconds(50)));
			initiator().output("pkill -9 -x iscsiadm");
		}
		EXPECT_EQ(endpoints(), others + count);
	}

	long endpoints() { return resources(initiator())["endpoint"]; }

	std::optional<ModuleTrace> trace_;
};

TEST_F(Bounds, DisconnectAndReleaseAreQuickWhenThePeerAgrees)
{
	for (int i = 0; i < 3; i++) {
		Login a(initiator(), kPlainTarget, portal(Path::A));
		Login b(initiator(), kPlainTarget, portal(Path::B));
	}
	expect_bounded_teardowns(6);
}

TEST_F(Bounds, DisconnectIsQuickWhenNobodyAnswersTheConnect)
{
	const Settings once{{"node.session.initial_login_retry_max", "1"},
			    {"node.conn[0].timeo.login_timeout", "5"}};

	EXPECT_FALSE(Login::attempt(initiator(), kPlainTarget, "10.0.1.77:3260", once).ok());
	{
		const FrozenMachine silent(target());

		EXPECT_FALSE(Login::attempt(initiator(), kPlainTarget, portal(Path::A), once).ok());
	}
	expect_bounded_teardowns(2);
}

TEST_F(Bounds, OneSessionsTeardownDoesNotDelayAnothers)
{
	Login a(initiator(), kPlainTarget, portal(Path::A), {{"node.session.nr_sessions", "8"}});

	// Nobody may be busy with 16 new disks while it is measured.
	for (unsigned session : a.sessions())
		a.disk_of(session, 1);
	EXPECT_THAT(initiator().run("udevadm settle"), Succeeded());
	{
		const FrozenMachine silent(target());

		initiator().set_cable(0, false);
		// All eight have failed and are told so; none waits for the silent peer.
		EXPECT_TRUE(eventually([&] { return trace_->teardowns().disconnects >= 8; }, seconds(15)));
		initiator().set_cable(0, true);
	}
	EXPECT_TRUE(eventually([&] { return a.sessions().size() == 8; }, seconds(60)));
	EXPECT_THAT(a.logout(), Succeeded());
	expect_bounded_teardowns(8);
}

// The address is known for good: each attempt to connect reaches the CM, whose request nobody answers.
TEST_F(Bounds, AHundredFlapsAgainstASilentPeerHoldTwoConnectionsAtMost)
{
	Login a(initiator(), kPlainTarget, portal(Path::A));
	{
		const FrozenMachine silent(target());

		initiator().output("ip neigh replace 10.0.1.2 dev eth0 nud permanent "
				   "lladdr $(ip -o neigh show 10.0.1.2 dev eth0 | sed 's/.*lladdr //; s/ .*//')");
		const Resources before = resources(initiator());
		for (int i = 0; i < 100; i++) {
			initiator().set_cable(0, false);
			std::this_thread::sleep_for(milliseconds(200));
			initiator().set_cable(0, true);
			std::this_thread::sleep_for(milliseconds(600));
		}
		const Teardowns seen = trace_->teardowns();
		EXPECT_LE(seen.most_at_once, 2u);
		EXPECT_GE(seen.releases, 10u) << "hardly any connection was tried";
		std::string more;
		EXPECT_TRUE(eventually([&] { return (more = more_than(before, resources(initiator()))).empty(); },
				       seconds(1), milliseconds(100)))
			<< more;
	}
	initiator().output("ip neigh del 10.0.1.2 dev eth0");
	EXPECT_TRUE(eventually([&] { return initiator().run("sg_inq " + a.disk()).ok(); }, seconds(60)))
		<< "the session does not come back";
	EXPECT_THAT(a.logout(), Succeeded());
	expect_bounded_teardowns(11);
}

TEST_F(Bounds, DeviceIsRemovedUnderIoAndHalfOpenAndLeakedConnects)
{
	// Without pings the session lasts until its device goes.
	Login a(initiator(), kPlainTarget, portal(Path::A),
		{{"node.conn[0].timeo.noop_out_interval", "0"}, {"node.conn[0].timeo.noop_out_timeout", "0"}});
	Job io = initiator().start(fio_command(a.disk(), "--rw=randread --bs=4k --iodepth=8 --size=16M "
							 "--time_based --runtime=20"));

	await_io(initiator(), a.disk());
	{
		const FrozenMachine silent(target());

		leak_endpoints(4);
		for (unsigned i : {0, 1}) {
			const CommandResult removal =
				initiator().run(fmt::format("rdma link delete rxe{}", i));

			EXPECT_THAT(removal, Succeeded());
			EXPECT_LT(removal.duration.count(), 10);
			std::cout << fmt::format("lab: rxe{} was deleted within {:.2f} s\n", i,
						 removal.duration.count());
			initiator().output(fmt::format("rdma link add rxe{0} type rxe netdev eth{0}", i));
		}
	}
	EXPECT_THAT(io.wait(), Succeeded());
	EXPECT_THAT(a.logout(), Succeeded());
	expect_bounded_teardowns(6);
	// The endpoints themselves, without a connection, are the transport's until it goes.
	lab().unload();
	EXPECT_EQ(endpoints(), 0);
}

TEST_F(Bounds, UnloadingEndsAtOnceWithLeakedEndpoints)
{
	{
		const FrozenMachine silent(target());

		leak_endpoints(4);
		const CommandResult removal = lab().remove_module();

		EXPECT_THAT(removal, Succeeded());
		EXPECT_LT(removal.duration.count(), 5);
		std::cout << fmt::format("lab: unloaded within {:.2f} s\n", removal.duration.count());
	}
	EXPECT_EQ(endpoints(), 0);
	EXPECT_THAT(initiator().run("modprobe ib_iser"), Succeeded());
	Login a(initiator(), kPlainTarget, portal(Path::A));
}

} // namespace lab
