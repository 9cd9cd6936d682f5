// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Where a session's host and its disks hang, and what becomes of them when the card is unplugged.
#include "lab/failover.h"
#include "lab/fio.h"
#include "lab/module.h"
#include "tests/support.h"

namespace lab {

using testing::HasSubstr;
using testing::Not;

class HotPlug : public LabTest {
protected:
	HotPlug() : LabTest(minutes(6)) {}

	// Soft RDMA devices hang nowhere by themselves.
	void give_devices_a_parent()
	{
		initiator().put(build_rxe_parent(lab().image()), "/tmp/rxe_parent.ko");
		initiator().output("insmod /tmp/rxe_parent.ko");
	}

	void clean_up() override
	{
		initiator().run("rmmod rxe_parent");
		boot_afterwards();
	}

	std::string place(Login &login)
	{
		return trimmed(initiator().output(
			fmt::format("realpath /sys/class/iscsi_session/session{}/device", login.sessions().at(0))));
	}

	// "pci-0000:00:02.0-ip-10.0.1.2:3260-iscsi-iqn.2003-01.org.linux-iscsi.lab:plain-lun-0"
	std::string names(const std::string &disk)
	{
		return initiator().output("udevadm settle; udevadm info -q symlink -n " + disk);
	}
};

TEST_F(HotPlug, HostLeavesItsCardAndTheSessionOutlivesIt)
{
	if (!ours())
		GTEST_SKIP() << "Debian's module does not survive that";
	give_devices_a_parent();
	Login a(initiator(), kPlainTarget, portal(Path::A), tuned().node);
	Login b(initiator(), kPlainTarget, portal(Path::B), tuned().node);
	const std::string disk = a.disk();
	Multipath multipath(initiator(), disk, tuned().multipath);

	EXPECT_THAT(place(a), HasSubstr("/pci0000:00/"));
	EXPECT_THAT(names(disk), HasSubstr("/by-path/pci-0000:00:"));
	{
		VerifiedPasses io(initiator(), multipath.device(), 16, minutes(4));

		await_io(initiator(), multipath.device());
		lab().unplug_card(Path::A);
		EXPECT_THAT(place(a), Not(HasSubstr("pci")));
		EXPECT_THAT(place(b), HasSubstr("/pci0000:00/"));
		EXPECT_THAT(names(disk), HasSubstr("/by-path/ip-"));
		EXPECT_THAT(names(disk), Not(HasSubstr("/by-path/pci-")));
		std::this_thread::sleep_for(seconds(10));
		lab().plug_card(Path::A);
		EXPECT_TRUE(eventually([&] { return multipath.active_paths() == 2; }, minutes(2), seconds(1)))
			<< initiator().run("multipathd show paths; iscsiadm -m session -P 1").both();
		EXPECT_GE(io.finish(), 1u);
	}
	EXPECT_EQ(a.disk(), disk);
	EXPECT_THAT(a.logout(), Succeeded());
	EXPECT_THAT(b.logout(), Succeeded());
}

} // namespace lab
