// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What the port, the CM and the neighbour say of a path fails its connection at once, without a
// retry; the session comes back by itself and no I/O is lost.
#include <algorithm>
#include <optional>
#include <thread>

#include "lab/fio.h"
#include "lab/trace.h"
#include "tests/support.h"

namespace lab {

using std::chrono::milliseconds;
using testing::AnyOf;
using testing::HasSubstr;

class PathEvents : public LabTest {
protected:
	PathEvents() : LabTest(minutes(4)) {}

	void SetUp() override
	{
		LabTest::SetUp();
		if (!ours())
			GTEST_SKIP() << "Debian's module has no trace events";
		trace_.emplace(lab());
		set_up_path();
		login_.emplace(initiator(), kPlainTarget, path_address() + ":3260");
		io_.emplace(initiator().start(
			fio_command(login_->disk(), "--rw=randwrite --bs=16k --iodepth=8 --size=16M "
						    "--verify=crc32c --verify_backlog=64 --verify_fatal=1 "
						    "--time_based --runtime=12")));
		await_io(initiator(), login_->disk());
	}

	void clean_up() override
	{
		io_.reset();
		login_.reset();
		if (ours())
			take_down_path();
		trace_.reset();
	}

	virtual void set_up_path() {}
	virtual std::string path_address() { return target_address(Path::A); }
	virtual void take_down_path() {}

	void happen(const std::string &command)
	{
		begin();
		initiator().output(command);
	}

	void pull_cable()
	{
		begin();
		initiator().set_cable(0, false);
	}

	void begin()
	{
		trace_->begin();
		begin_ = clock_of(initiator());
	}

	// Names of those that tell of an end.
	std::vector<std::string> events()
	{
		std::vector<std::string> names;

		for (const Mark &mark : trace_->marks()) {
			const std::string name = mark.what.substr(0, mark.what.find(' '));

			if (name != "conn_state" && name != "conn_fail" && name != "device_event")
				names.push_back(name);
		}
		return names;
	}

	std::optional<Mark> failure(seconds within)
	{
		std::optional<Mark> found;

		eventually(
			[&] {
				const std::vector<Mark> marks = trace_->marks();
				const Mark *mark = first_failure(marks, path_address(), begin_);

				if (mark)
					found = *mark;
				return mark;
			},
			within, milliseconds(200));
		return found;
	}

	// The second is for the guest's shell, which is told to have it happen; no retry is as short.
	void expect_failure(const testing::Matcher<std::string> &cause, double after = 0)
	{
		const std::optional<Mark> found = failure(seconds(20));

		ASSERT_TRUE(found) << "the connection did not fail";
		EXPECT_THAT(found->what, cause);
		EXPECT_GE(found->at - begin_, after);
		EXPECT_LT(found->at - begin_, after + 1);
		std::cout << fmt::format("lab: after {:.3f} s: {}\n", found->at - begin_, found->what);
	}

	void expect_recovery()
	{
		EXPECT_TRUE(eventually(
			[&] {
				return initiator()
					.run("grep -qx LOGGED_IN /sys/class/iscsi_session/*/state")
					.ok();
			},
			seconds(60), milliseconds(500)))
			<< "the session does not come back";
		EXPECT_THAT(io_->wait(), Succeeded());
	}

	std::optional<ModuleTrace> trace_;
	std::optional<Login> login_;
	std::optional<Job> io_;
	double begin_ = 0;
};

TEST_F(PathEvents, CableIsPulledHere)
{
	pull_cable();
	expect_failure(HasSubstr("the local port went down"));
	initiator().set_cable(0, true);
	expect_recovery();
}

// rdma_rxe's GSI queue pair does not survive that (UPSTREAM.md, "A pulled cable kills the GSI queue
// pair"): the device is made anew.
TEST_F(PathEvents, InterfaceIsSetDown)
{
	initiator().output("echo 1 >/proc/sys/net/ipv6/conf/eth0/keep_addr_on_down");
	happen("ip link set eth0 down");
	// A packet may find out before the port does.
	expect_failure(AnyOf(HasSubstr("the local port went down"), HasSubstr("the queue pair was flushed")));
	initiator().output("ip link set eth0 up && rdma link delete rxe0 && "
			   "rdma link add rxe0 type rxe netdev eth0");
	expect_recovery();
}

TEST_F(PathEvents, NeighbourHasAnotherAddress)
{
	happen("ip neigh replace 10.0.1.2 lladdr 02:00:00:00:00:99 dev eth0 nud permanent");
	expect_failure(HasSubstr("unreachable"));
	initiator().output("ip neigh del 10.0.1.2 dev eth0");
	expect_recovery();
}

// Nobody is told of the failure but the kernel, which ends the connection by itself.
TEST_F(PathEvents, IscsidIsDead)
{
	initiator().output("pkill -9 -x iscsid");
	pull_cable();
	expect_failure(HasSubstr("the local port went down"));
	EXPECT_TRUE(eventually([&] { return trace_->teardowns().releases; }, seconds(5)));
	const std::vector<std::string> order = events();
	initiator().set_cable(0, true);
	initiator().output("iscsid");
	ASSERT_THAT(order, testing::UnorderedElementsAre("ep_disconnect", "ep_disconnect_done", "conn_flushed",
							 "conn_stop", "conn_stop_done", "conn_release"));
	EXPECT_EQ(order.front(), "ep_disconnect");
	// Commands go back to SCSI when the stop is over.
	EXPECT_LT(std::ranges::find(order, "conn_flushed"), std::ranges::find(order, "conn_stop_done"));
	EXPECT_EQ(order.back(), "conn_release");
	expect_recovery();
}

// No more: ARP finds no neighbour without a carrier, and after three seconds the CM says so.
class GraceOfTwoSeconds : public PathEvents {
protected:
	void set_up_path() override { set_grace(2000); }
	void take_down_path() override { set_grace(0); }

private:
	void set_grace(int ms)
	{
		initiator().output(
			fmt::format("echo {} >/sys/module/ib_iser/parameters/port_down_grace_ms", ms));
	}
};

TEST_F(GraceOfTwoSeconds, RidesOverAShortFlapAndNotOverALongOne)
{
	pull_cable();
	std::this_thread::sleep_for(seconds(1));
	initiator().set_cable(0, true);
	EXPECT_FALSE(failure(seconds(6))) << "failed although the port came back";
	pull_cable();
	expect_failure(HasSubstr("the local port stayed down"), 2);
	initiator().set_cable(0, true);
	expect_recovery();
}

// The bond's address is that of its active slave, and the connection's is no more when that changes.
class Bond : public PathEvents {
protected:
	void set_up_path() override
	{
		initiator().output(R"(set -e
modprobe bonding max_bonds=0
rdma link delete rxe0
ip link add bond0 type bond mode active-backup fail_over_mac active miimon 100
ip link add spare type dummy
for n in eth0 spare; do ip link set $n down; ip link set $n master bond0; done
echo eth0 >/sys/class/net/bond0/bonding/primary
ip link set bond0 mtu 9000 up
ip addr flush dev eth0
ip addr add 10.0.1.1/24 dev bond0
rdma link add rxe0 type rxe netdev bond0)");
	}

	void take_down_path() override
	{
		initiator().output(R"(set -e
rdma link delete rxe0
ip link delete bond0
ip link delete spare
ip link set eth0 mtu 9000 up
ip addr add 10.0.1.1/24 dev eth0
ip addr add fd00:1::1/64 dev eth0 nodad
rdma link add rxe0 type rxe netdev eth0)");
	}
};

TEST_F(Bond, FailsOver)
{
	happen("echo spare >/sys/class/net/bond0/bonding/active_slave");
	expect_failure(AnyOf(HasSubstr("address change"), HasSubstr("the local address is gone")));
	initiator().output("echo eth0 >/sys/class/net/bond0/bonding/active_slave");
	expect_recovery();
}

// A path over a VLAN, whose interface vanishes while the port below it stays up.
class Vlan : public PathEvents {
protected:
	static std::string add_vlan(unsigned host)
	{
		return fmt::format("ip link add link eth0 name eth0.7 type vlan id 7 && "
				   "ip link set eth0.7 up && ip addr add 10.0.7.{}/24 dev eth0.7",
				   host);
	}

	void set_up_path() override
	{
		target().output(add_vlan(2));
		initiator().output(add_vlan(1));
		portal_.emplace(target(), path_address() + ":3260");
	}

	std::string path_address() override { return "10.0.7.2"; }

	void take_down_path() override
	{
		portal_.reset();
		initiator().output("ip link delete eth0.7");
		target().output("ip link delete eth0.7");
	}

	std::optional<ExtraPortal> portal_;
};

TEST_F(Vlan, InterfaceVanishes)
{
	happen("ip link delete eth0.7");
	expect_failure(AnyOf(HasSubstr("address change"), HasSubstr("the local address is gone")));
	initiator().output(add_vlan(1));
	expect_recovery();
}

} // namespace lab
