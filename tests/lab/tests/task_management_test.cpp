// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The SCSI error handler's tools: resets under load, and commands that the target holds until they
// time out.
#include <thread>

#include "lab/fio.h"
#include "tests/support.h"

namespace lab {

using testing::HasSubstr;

class Reset : public LabTest, public testing::WithParamInterface<const char *> {};

TEST_P(Reset, UnderLoadCostsNoData)
{
	Login login(initiator(), kPlainTarget, portal(Path::A));
	const std::string disk = login.disk();
	Job io = initiator().start(fio_command(disk, "--rw=randwrite --bs=16k --iodepth=16 --size=32M "
						     "--verify=crc32c --verify_fatal=1 --time_based "
						     "--runtime=20"));

	const auto reset = [&] {
		return initiator().run(std::string("sg_reset --no-esc --") + GetParam() + " " + disk).ok();
	};

	await_io(initiator(), disk);
	std::optional<ConsoleWatch> console(initiator().console());
	for (int i = 0; i < 5; i++) {
		SCOPED_TRACE(testing::Message() << "reset " << i + 1 << " of 5");
		std::this_thread::sleep_for(std::chrono::milliseconds(500));
		if (reset())
			continue;
		// The connection fails, and with it this reset, or the next one.
		EXPECT_THAT(console->text(),
			    HasSubstr("a response invalidated an rkey that is not its command's"));
		tolerate("LIO answers a command after its reset");
		EXPECT_TRUE(eventually(reset, seconds(30), seconds(1)));
		console.emplace(initiator().console());
	}
	EXPECT_THAT(io.wait(), Succeeded());
	EXPECT_EQ(login.sessions().size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Levels, Reset, testing::Values("device", "target"),
			 [](const auto &level) { return std::string(level.param); });

// The disk's commands time out after 3 s; an abort is then answered when the target has finished
// the command, which is when the disk is let go.
class TimedOut : public LabTest {
protected:
	TimedOut() : LabTest(minutes(6)) {}

	Job read_while_held(Login &login)
	{
		const std::string disk = login.disk();

		initiator().output("echo 3 >/sys/block/" + disk.substr(5) + "/device/timeout");
		held_.emplace(target());
		return initiator().start("dd if=" + disk + " of=/dev/null bs=4k count=4 iflag=direct");
	}

	std::optional<HeldDisk> held_;
};

TEST_F(TimedOut, CommandIsAbortedAndRepeated)
{
	Login login(initiator(), kHeldTarget, portal(Path::A));
	Job read = read_while_held(login);

	// libiscsi pings the target before it believes that the command is lost.
	EXPECT_TRUE(eventually([&] { return login.statistics()["tmfcmd_pdus"] > 0; }, seconds(60)))
		<< "no abort was sent";
	held_->release();
	EXPECT_THAT(read.wait(), Succeeded());
	EXPECT_EQ(login.sessions().size(), 1u);
	EXPECT_THAT(verify_disk(initiator(), login.disk(), 4, "4M"), Succeeded());
}

// Not with a held disk: LIO never finishes closing a connection with an aborted command (UPSTREAM.md,
// "LIO waits for ever for an aborted command").
TEST_F(TimedOut, AbortsEndInARecoveredSessionWhenTheTargetIsSilent)
{
	// Neither pings nor long patience: the SCSI error handler is what notices.
	Login login(initiator(), kPlainTarget, portal(Path::A),
		    {{"node.conn[0].timeo.noop_out_interval", "0"},
		     {"node.conn[0].timeo.noop_out_timeout", "0"},
		     {"node.session.err_timeo.abort_timeout", "3"},
		     {"node.session.err_timeo.lu_reset_timeout", "3"},
		     {"node.session.err_timeo.tgt_reset_timeout", "3"}});
	const std::string disk = login.disk();

	initiator().output("echo 3 >/sys/block/" + disk.substr(5) + "/device/timeout");
	Job read = [&] {
		const FrozenMachine frozen(target());
		Job job = initiator().start("dd if=" + disk + " of=/dev/null bs=4k count=4 iflag=direct");

		EXPECT_TRUE(eventually(
			[&] {
				return initiator_console_->text().find("detected conn error") !=
				       std::string::npos;
			},
			seconds(90)))
			<< "the session was not given up";
		return job;
	}();
	EXPECT_THAT(read.wait(), Succeeded());
	EXPECT_THAT(verify_disk(initiator(), disk, 4, "4M"), Succeeded());
}

} // namespace lab
