// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Discovery, login, logout, CHAP, addresses, several sessions, unloading.
#include "lab/diagnosis.h"
#include "tests/support.h"

namespace lab {

using testing::HasSubstr;

class Discovery : public LabTest {};

TEST_F(Discovery, ListsEachTargetOnEachPortal)
{
	const CommandResult result = discover(initiator(), portal(Path::A));

	ASSERT_THAT(result, Succeeded());
	for (const std::string &target : {kPlainTarget, kChapTarget, kMutualTarget, kHeldTarget}) {
		for (Path path : kPaths) {
			for (Family family : {Family::v4, Family::v6})
				EXPECT_THAT(result.out, HasSubstr(portal(path, family) + ",1 " + target));
		}
	}
	initiator().run("iscsiadm -m node -o delete; iscsiadm -m discoverydb -t st -I iser -o delete -p " +
			portal(Path::A));
}

// Records of the plain target on both paths, for many logins in a row.
class BothPaths {
public:
	explicit BothPaths(Vm &initiator) : initiator_(initiator)
	{
		for (Path path : kPaths)
			initiator.output(node_ + " -I iser -o new -p " + portal(path));
	}
	~BothPaths()
	{
		undo([this] { initiator_.run(node_ + " --logout; " + node_ + " -o delete"); });
	}

	CommandResult log_in_and_out(unsigned times)
	{
		return initiator_.run(fmt::format("for i in $(seq {0}); do echo round $i\n"
						  "{1} --login && test $(iscsiadm -m session | wc -l) = 2 "
						  "&& {1} --logout || exit 1\ndone",
						  times, node_),
				      minutes(6));
	}

private:
	const std::string node_ = "iscsiadm -m node -T " + kPlainTarget;
	Vm &initiator_;
};

class LogIn : public LabTest {
protected:
	LogIn() : LabTest(minutes(8)) {}
};

TEST_F(LogIn, TwentyTimesOnBothPathsLeavesNothingBehind)
{
	BothPaths both(initiator());

	ASSERT_THAT(both.log_in_and_out(2), Succeeded());
	const long queues = resources(initiator())["cq"];
	ASSERT_THAT(both.log_in_and_out(18), Succeeded());
	EXPECT_EQ(resources(initiator())["cq"], queues) << "the CQ pool grows";
}

TEST_F(LogIn, WorksOverIPv6)
{
	Login login(initiator(), kPlainTarget, portal(Path::B, Family::v6));

	EXPECT_THAT(initiator().run("sg_inq " + login.disk()), Succeeded());
}

TEST_F(LogIn, ShowsBothLuns)
{
	Login login(initiator(), kPlainTarget, portal(Path::A));
	const std::string disks[] = {login.disk(0), login.disk(1)};

	EXPECT_NE(disks[0], disks[1]);
	EXPECT_NE(initiator().output("/usr/lib/udev/scsi_id -g " + disks[0]),
		  initiator().output("/usr/lib/udev/scsi_id -g " + disks[1]));
}

TEST_F(LogIn, ToAnAddressWithoutMachineFailsWithinTheTimeout)
{
	const CommandResult result = Login::attempt(
		initiator(), kPlainTarget, "10.0.1.77:3260",
		{{"node.session.initial_login_retry_max", "1"}, {"node.conn[0].timeo.login_timeout", "8"}});

	EXPECT_FALSE(result.ok());
	EXPECT_THAT(result.both(), HasSubstr("timed out"));
	EXPECT_LT(result.duration.count(), 25);
}

TEST_F(LogIn, ToAPortNobodyListensOnFailsAndSaysWhy)
{
	const CommandResult result = Login::attempt(
		initiator(), kPlainTarget, target_address(Path::A) + ":3299",
		{{"node.session.initial_login_retry_max", "1"}, {"node.conn[0].timeo.login_timeout", "8"}});

	EXPECT_FALSE(result.ok());
	EXPECT_LT(result.duration.count(), 25);
	if (ours()) {
		EXPECT_THAT(initiator_console_->text(), HasSubstr("10.0.1.2:3299"));
	}
}

class Chap : public LabTest {
protected:
	Chap() : LabTest(minutes(6)) {}

	static Settings one_way(const std::string &password)
	{
		return {{"node.session.auth.authmethod", "CHAP"},
			{"node.session.auth.username", ChapSecrets().user},
			{"node.session.auth.password", password}};
	}

	static Settings mutual(const std::string &target_password)
	{
		Settings settings = one_way(ChapSecrets().password);

		settings["node.session.auth.username_in"] = ChapSecrets().target_user;
		settings["node.session.auth.password_in"] = target_password;
		// iscsid takes a dropped connection for something that will pass.
		settings["node.session.initial_login_retry_max"] = "1";
		return settings;
	}

	// LIO closes a connection that it refuses without waiting for its answer to be sent: then
	// nobody is told why, and iscsid runs into its timeout.
	CommandResult refusal(Settings settings)
	{
		CommandResult result;

		settings["node.session.initial_login_retry_max"] = "1";
		settings["node.conn[0].timeo.login_timeout"] = "8";
		for (int i = 0; i < 5; i++) {
			result = Login::attempt(initiator(), kChapTarget, portal(Path::A), settings);
			if (result.both().find("timed out") == std::string::npos)
				break;
			tolerate("LIO closes before a refusal has been sent");
		}
		return result;
	}
};

TEST_F(Chap, AdmitsTheRightPassword)
{
	Login login(initiator(), kChapTarget, portal(Path::A), one_way(ChapSecrets().password));

	EXPECT_THAT(initiator().run("sg_inq " + login.disk()), Succeeded());
}

TEST_F(Chap, RefusesTheWrongPassword)
{
	EXPECT_THAT(refusal(one_way("wrong-secret-12")), FailsSaying("authorization failure"));
}

TEST_F(Chap, RefusesWhoOffersNone)
{
	EXPECT_THAT(refusal({}), FailsSaying("authorization failure"));
}

TEST_F(Chap, AdmitsATargetThatProvesItself)
{
	Login login(initiator(), kMutualTarget, portal(Path::B), mutual(ChapSecrets().target_password));

	EXPECT_THAT(initiator().run("sg_inq " + login.disk()), Succeeded());
}

TEST_F(Chap, RefusesATargetThatDoesNotProveItself)
{
	EXPECT_FALSE(
		Login::attempt(initiator(), kMutualTarget, portal(Path::B), mutual("other-secret-12")).ok());
}

class Sessions : public LabTest {};

TEST_F(Sessions, EightAtOnceAllServe)
{
	Login a(initiator(), kPlainTarget, portal(Path::A), {{"node.session.nr_sessions", "4"}});
	Login b(initiator(), kPlainTarget, portal(Path::B), {{"node.session.nr_sessions", "4"}});
	unsigned served = 0;

	for (Login *login : {&a, &b}) {
		for (unsigned session : login->sessions()) {
			const std::string disk = login->disk_of(session, 0);

			EXPECT_THAT(initiator().run("dd if=" + disk +
						    " of=/dev/null bs=64k count=16 iflag=direct"),
				    Succeeded());
			served++;
		}
	}
	EXPECT_EQ(served, 8u);
}

class Unloading : public LabTest {
protected:
	// The module is back for the next test whatever happened here.
	void clean_up() override { initiator().run("modprobe ib_iser"); }
};

TEST_F(Unloading, IsRefusedWhileLoggedInAndWorksAfterLogout)
{
	Login login(initiator(), kPlainTarget, portal(Path::A));

	EXPECT_THAT(lab().remove_module(), FailsSaying("in use"));
	EXPECT_THAT(initiator().run("sg_inq " + login.disk()), Succeeded());
	ASSERT_THAT(login.logout(), Succeeded());
	// udev may still have one of the disks open.
	EXPECT_TRUE(eventually([&] { return lab().remove_module().ok(); }, seconds(60), seconds(1)))
		<< diagnose(lab());
	ASSERT_THAT(initiator().run("modprobe ib_iser"), Succeeded());
}

class Memory : public LabTest {
protected:
	Memory() : LabTest(minutes(8)) {}
};

TEST_F(Memory, AfterAHundredLoginsIsWhatItWasAfterTen)
{
	BothPaths both(initiator());

	ASSERT_THAT(both.log_in_and_out(5), Succeeded());
	const long ten = slab_kib(initiator());
	const long queues = resources(initiator())["cq"];
	ASSERT_THAT(both.log_in_and_out(45), Succeeded());
	const long hundred = slab_kib(initiator());

	RecordProperty("slab_kib_after_10", std::to_string(ten));
	RecordProperty("slab_kib_after_100", std::to_string(hundred));
	std::cout << "lab: slab (kmalloc) in use after 10 logins " << ten << " KiB, after 100 " << hundred
		  << " KiB\n";
	EXPECT_LT(hundred, ten * 1.01);
	EXPECT_EQ(resources(initiator())["cq"], queues) << "the CQ pool grows";
}

} // namespace lab
