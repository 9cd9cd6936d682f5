// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// iscsid is killed with -9 at each step of a login, a logout and a recovery, and started again:
// nothing hangs, no queue pair stays, and a session can be had, used and ended as before.
#include <thread>

#include "lab/failover.h"
#include "lab/fio.h"
#include "tests/support.h"

namespace lab {

using std::chrono::milliseconds;

// When to kill it: so long after a condition of the guest's shell has come true.
struct Moment {
	std::string condition;
	milliseconds later{0};
};

class IscsidKilled : public LabTest {
protected:
	IscsidKilled() : LabTest(minutes(10)) {}

	static std::string node(const std::string &action)
	{
		return fmt::format("iscsiadm -m node -T {} -p {} -I iser {}", kPlainTarget, portal(Path::A),
				   action);
	}

	// In the guest, where it takes less time than a message to it, and without looking for processes
	// or sleeping for nothing; one that has just started has children, which come last.
	Job kill_iscsid_at(const Moment &moment)
	{
		const std::string wait =
			moment.later.count() ? fmt::format("sleep {}; ", Seconds(moment.later).count()) : "";

		return initiator().start(fmt::format("pid=$(pgrep -x iscsid); until {}; do :; done; {}kill -9 $pid\n"
						     "pkill -9 -x iscsid; :",
						     moment.condition, wait));
	}

	// "N more than those that were there": what a killed iscsid made may stay.
	std::string another(const std::string &kind)
	{
		const std::string files = "/sys/class/" + kind + "/*";

		return fmt::format("{{ set -- {}; [ -e \"$1\" ] && [ $# -gt {} ]; }}", files,
				   initiator().output("ls -d " + files + " 2>/dev/null | wc -l"));
	}

	std::string state_is(const std::string &state)
	{
		return fmt::format("grep -qx {} /sys/class/iscsi_session/*/state", state);
	}

	void kill_iscsid_in_recovery(milliseconds later)
	{
		Job killed = kill_iscsid_at({"grep -qvx LOGGED_IN /sys/class/iscsi_session/*/state", later});

		initiator().set_cable(0, false);
		std::this_thread::sleep_for(milliseconds(500));
		initiator().set_cable(0, true);
		killed.wait();
		start_iscsid(initiator());
	}

	// Endpoints that a killed iscsid has left go with the module.
	void load_anew()
	{
		lab().unload();
		initiator().output("modprobe ib_iser");
	}

	bool both_logged_in()
	{
		return initiator().output("grep -xc LOGGED_IN /sys/class/iscsi_session/*/state | grep -c :1") == "2";
	}

	bool logged_in() { return initiator().run(state_is("LOGGED_IN")).ok(); }

	// Those that iscsid can know of: a name is among the first things that it gives to one.
	unsigned sessions_with_a_target()
	{
		return std::stoul(
			initiator().output("cat /sys/class/iscsi_session/*/targetname 2>/dev/null | grep -c iqn || :"));
	}

	// A first login that fails is begun anew here: iscsid's own repetitions are in vain when the
	// transport class has cleaned up in between (UPSTREAM.md, "LIO closes before a refusal has been
	// sent").
	void make_node()
	{
		initiator().output(node("-o new") + " && " +
				   node("-o update -n node.session.initial_login_retry_max -v 1"));
	}

	void expect_login()
	{
		const auto comes = [&] {
			if (!logged_in())
				initiator().run(node("--login"));
			return logged_in();
		};

		EXPECT_TRUE(eventually(comes, seconds(120), seconds(1))) << "no login";
	}

	void expect_logout()
	{
		const auto goes = [&] {
			initiator().run(node("--logout"));
			return sessions_with_a_target() == 0;
		};

		EXPECT_TRUE(eventually(goes, seconds(60), seconds(1))) << "the session does not go";
	}

	void expect_no_queue_pair(long before)
	{
		// LIO closes a connection on which nobody logs in after 15 s.
		EXPECT_TRUE(eventually([&] { return resources(initiator())["qp"] <= before; }, seconds(20),
				       seconds(1)));
	}
};

TEST_F(IscsidKilled, DuringLogins)
{
	const long queue_pairs = resources(initiator())["qp"];
	const milliseconds steps[] = {milliseconds(0), milliseconds(25), milliseconds(50), milliseconds(100)};

	make_node();
	for (const char *kind : {"iscsi_endpoint", "iscsi_session"}) {
		for (milliseconds later : steps) {
			SCOPED_TRACE(testing::Message() << later.count() << " ms after there is an " << kind);
			Job killed = kill_iscsid_at({another(kind), later});
			Job login = initiator().start(node("--login"));

			killed.wait();
			start_iscsid(initiator());
			login.wait();
			expect_login();
			expect_logout();
		}
	}
	initiator().output(node("-o delete"));
	expect_no_queue_pair(queue_pairs);
	// One without a target's name can be ended by nobody but a boot, whatever the transport (UPSTREAM.md,
	// "A killed iscsid leaves a session without a target").
	if (const unsigned orphans = session_count(initiator())) {
		std::cout << fmt::format("lab: {} sessions are nobody's\n", orphans);
		EXPECT_THAT(lab().remove_module(), FailsSaying("in use"));
		boot_afterwards();
		return;
	}
	load_anew();
}

TEST_F(IscsidKilled, DuringLogouts)
{
	const std::string logging_out = "! " + state_is("LOGGED_IN");
	const Moment moments[] = {{"true", milliseconds(0)},          {"true", milliseconds(100)},
				  {"true", milliseconds(200)},        {"true", milliseconds(300)},
				  {"true", milliseconds(400)},        {logging_out, milliseconds(0)},
				  {logging_out, milliseconds(25)}};

	make_node();
	for (const Moment &moment : moments) {
		SCOPED_TRACE(moment.condition + ", " + std::to_string(moment.later.count()) + " ms");
		expect_login();
		Job killed = kill_iscsid_at(moment);
		Job logout = initiator().start(node("--logout"));

		killed.wait();
		start_iscsid(initiator());
		logout.wait();
		expect_logout();
	}
	initiator().output(node("-o delete"));
	load_anew();
}

// With dm-multipath: while a session is down, a rescan of its disks that iscsid has begun holds a child
// of the killed one, and with it the socket that the next one wants, until the commands fail.
TEST_F(IscsidKilled, DuringRecoveries)
{
	{
		Login a(initiator(), kPlainTarget, portal(Path::A), tuned().node);
		Login b(initiator(), kPlainTarget, portal(Path::B), tuned().node);
		Multipath multipath(initiator(), a.disk(), tuned().multipath);
		VerifiedPasses io(initiator(), multipath.device(), 16, minutes(8));

		await_io(initiator(), multipath.device());
		for (int ms : {0, 100, 500, 1000, 1500, 2000, 3000, 4000}) {
			SCOPED_TRACE(testing::Message() << ms << " ms");
			kill_iscsid_in_recovery(milliseconds(ms));
			EXPECT_TRUE(eventually([&] { return both_logged_in() && multipath.active_paths() == 2; },
					       seconds(60), milliseconds(500)))
				<< "the path does not come back";
		}
		io.finish();
	}
	load_anew();
}

} // namespace lab
