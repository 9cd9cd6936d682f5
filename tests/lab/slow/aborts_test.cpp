// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Connections that die while the SCSI error handler waits for the answer to an abort.
#include <thread>

#include "lab/fio.h"
#include "tests/support.h"

namespace lab {

class Aborts : public LabTest {
protected:
	Aborts() : LabTest(minutes(6)) {}

	bool io_goes_on(const std::string &disk)
	{
		const std::string count = "awk '{print $1 + $5}' /sys/block/" + disk.substr(5) + "/stat";
		const std::string before = initiator().output(count);

		std::this_thread::sleep_for(seconds(1));
		return initiator().output(count) != before;
	}
};

// The error handler keeps commands of a connection that dies while it waits for the answer to its
// abort, and lets go of them when the next one is up.
TEST_F(Aborts, ConnectionsDieUnderLoadWhileTheyAreOut)
{
	Login login(initiator(), kPlainTarget, portal(Path::A),
		    {{"node.conn[0].timeo.noop_out_interval", "0"},
		     {"node.conn[0].timeo.noop_out_timeout", "0"}});
	const std::string disk = login.disk();

	// Before any command that is to time out: libiscsi doubles 30 s to a minute.
	initiator().output("udevadm settle; echo 2 >/sys/block/" + disk.substr(5) + "/device/timeout");
	VerifiedPasses io(initiator(), disk, 16, minutes(5));
	await_io(initiator(), disk);
	for (int i = 1; i <= 4; i++) {
		SCOPED_TRACE(testing::Message() << "death " << i);
		// Each death may have cost several, one for each command.
		const std::uint64_t before = login.statistics()["tmfcmd_pdus"];
		{
			const FrozenMachine frozen(target());

			EXPECT_TRUE(eventually([&] { return login.statistics()["tmfcmd_pdus"] > before; },
					       seconds(60), std::chrono::milliseconds(100)))
				<< "no abort was sent";
			initiator().set_cable(0, false);
			std::this_thread::sleep_for(std::chrono::milliseconds(500 * i));
		}
		initiator().set_cable(0, true);
		EXPECT_TRUE(eventually([&] { return !login.sessions().empty() && io_goes_on(disk); }, seconds(60),
				       seconds(1)))
			<< "I/O does not go on";
	}
	io.finish();
}

} // namespace lab
