// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// A machine with systemd whose root is on iSER, from power-on to a reboot that nothing may hold up; and one that
// logs in at boot to what comes late.
#include <thread>

#include "lab/diagnosis.h"
#include "lab/files.h"
#include "lab/installed_system.h"
#include "tests/support.h"

namespace lab {

namespace fs = std::filesystem;
using testing::HasSubstr;

static const fs::path kDirectory = fs::path(LAB_RUN_DIR) / "boot";
// From the order to the next kernel's first line, whatever is gone: docs/boot.md names it.
static constexpr seconds kRebootBound{120};

class BootTest : public testing::Test {
protected:
	static const InstalledSystem &system()
	{
		static std::unique_ptr<InstalledSystem> system;

		if (!system) {
			say("installing a system, with our package");
			system = std::make_unique<InstalledSystem>(Image::provide(unchecked(test_options().suite), say),
								   kDirectory / "system");
		}
		return *system;
	}

	static void say(const std::string &text) { std::cout << "lab: " << text << std::endl; }

	// The machine is off, and the target serves.
	void prepare(const Startup &startup)
	{
		lab_ = std::make_unique<Lab>(LabConfig{.directory = kDirectory / "lab",
						       .suite = unchecked(test_options().suite),
						       .progress = say,
						       .own_startup = startup,
						       .served_disk = system().disk()});
		watchdog_ = std::make_unique<Watchdog>(minutes(20), [this] {
			give_up(*lab_, "test still running after 20 minutes");
		});
		console_.emplace(machine().console());
		lab_->set_up_targets();
	}

	void boot()
	{
		machine().power_on();
		machine().await_boot();
	}

	// What systemd says of the machine when it has begun all there is: "running", "degraded".
	std::string await_state()
	{
		std::string state;

		eventually(
			[&] {
				state = trimmed(machine().run("systemctl is-system-running").out);
				return state != "starting" && state != "initializing";
			},
			minutes(4), seconds(2));
		return state;
	}

	std::string diagnosis()
	{
		return machine()
			.run("multipath -ll; iscsiadm -m session -P 1; systemctl status open-iscsi 'ib-iser-login@*'; "
			     "systemctl --failed; systemctl list-jobs; "
			     "journalctl -b | grep -i -E 'iscsi|iser' | tail -30")
			.both();
	}

	bool ours_is_loaded()
	{
		return machine().run("test -e /sys/module/ib_iser/parameters/port_down_grace_ms").ok();
	}

	// As Ctrl-Alt-Del orders it: that takes no program from a disk that may be gone.
	void expect_reboot_in_time()
	{
		const std::uintmax_t console = fs::file_size(machine().console());
		const auto start = std::chrono::steady_clock::now();

		machine().run("kill -INT 1", seconds(10));
		EXPECT_TRUE(machine().boots_again(console, kRebootBound));
		say(fmt::format("reboot: {:.0f} s",
				std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()));
	}

	void TearDown() override
	{
		if (lab_ && HasFailure())
			std::cout << last_lines(read_file(machine().console()), 60) << std::endl;
		if (console_) {
			for (const std::string &line : console_->complaints())
				ADD_FAILURE() << "console: " << line;
		}
		watchdog_.reset();
		lab_.reset();
	}

	Vm &machine() { return lab_->initiator(); }
	Vm &target() { return lab_->target(); }

	std::unique_ptr<Lab> lab_;
	std::optional<ConsoleWatch> console_;
	std::unique_ptr<Watchdog> watchdog_;
};

// Root on two paths.
class RootOnIser : public BootTest {
protected:
	void boot_from_iser(InitramfsMaker maker = InitramfsMaker::initramfs_tools, const std::string &parameters = "")
	{
		prepare(system().from_iser(maker, parameters));
		boot();
		EXPECT_TRUE(await_paths(2)) << diagnosis();
		EXPECT_TRUE(ours_is_loaded());
		EXPECT_EQ(await_state(), "running") << diagnosis();
	}

	// The initramfs has tried in vain.
	bool has_waited() { return console_->text().find("ib_iser: no login to") != std::string::npos; }

	bool await_paths(unsigned count)
	{
		return eventually([&] { return active_paths() == count; }, minutes(2), seconds(1));
	}

	// "0 12582912 multipath 2 0 1 0 1 1 A 0 2 2 8:0 A 0 0 1 8:16 A 0 0 1"
	unsigned active_paths()
	{
		return std::stoul("0" + machine().run("dmsetup status iser-root | grep -o '8:[0-9]* A' | wc -l").out);
	}

	// Reads and verifies what it writes, on the root file system.
	Job verified_io(seconds duration)
	{
		return machine().start(
			fmt::format("fio --name=root --filename=/var/tmp/verified --size=32m --rw=randwrite "
				    "--bs=16k --ioengine=libaio --iodepth=8 --direct=1 --verify=crc32c "
				    "--time_based --runtime={}",
				    duration.count()),
			minutes(5));
	}
};

// What is about the initramfs. The rest has the one that Debian makes by itself.
class Booting : public RootOnIser, public testing::WithParamInterface<InitramfsMaker> {};

INSTANTIATE_TEST_SUITE_P(, Booting, testing::Values(InitramfsMaker::initramfs_tools, InitramfsMaker::dracut),
			 [](const auto &info) {
				 return info.param == InitramfsMaker::dracut ? "Dracut" : "InitramfsTools";
			 });

TEST_P(Booting, FromTwoPathsAndAPulledCableCostsNothing)
{
	boot_from_iser(GetParam());
	EXPECT_THAT(machine().output("findmnt -n -o SOURCE /"), HasSubstr(InstalledSystem::kRoot));
	// Whoever connects the sessions again is there without having been asked for.
	EXPECT_TRUE(eventually([&] { return machine().run("pgrep iscsid").ok(); }, minutes(1), seconds(1)));
	{
		Job io = verified_io(seconds(30));

		std::this_thread::sleep_for(seconds(5));
		machine().set_cable(0, false);
		std::this_thread::sleep_for(seconds(15));
		EXPECT_EQ(active_paths(), 1u);
		machine().set_cable(0, true);
		EXPECT_THAT(io.wait(), Succeeded());
	}
	EXPECT_TRUE(await_paths(2)) << diagnosis();

	// Nobody logs out from where root is.
	EXPECT_EQ(trimmed(machine().run("systemctl is-active open-iscsi").out), "active");
	machine().output("systemctl stop open-iscsi");
	EXPECT_EQ(session_count(machine()), 2u);
	machine().output("echo kept >/var/tmp/kept && sync");
	expect_reboot_in_time();
	machine().await_reboot();
	EXPECT_EQ(machine().output("cat /var/tmp/kept"), "kept");
	EXPECT_TRUE(await_paths(2));
}

TEST_F(RootOnIser, WaitsForALateDevice)
{
	boot_from_iser(InitramfsMaker::initramfs_tools, "lab.rdma_after=60");
	EXPECT_TRUE(has_waited());
}

TEST_F(RootOnIser, WaitsForALateTarget)
{
	prepare(system().from_iser(InitramfsMaker::initramfs_tools));
	target().freeze();
	machine().power_on();
	EXPECT_TRUE(eventually([&] { return has_waited(); }, minutes(3), seconds(1)));
	target().thaw();
	machine().await_boot();
	EXPECT_TRUE(await_paths(2)) << diagnosis();
}

// The initramfs goes on with one path; the other one comes in when it can, long after iscsid has given it up.
TEST_F(RootOnIser, GoesOnWithOnePath)
{
	prepare(system().from_iser(InitramfsMaker::initramfs_tools));
	target().set_cable(1, false);
	boot();
	await_state();
	std::this_thread::sleep_for(seconds(30));
	EXPECT_EQ(active_paths(), 1u);
	target().set_cable(1, true);
	EXPECT_TRUE(await_paths(2)) << diagnosis();
}

class Rebooting : public RootOnIser {
protected:
	void SetUp() override { boot_from_iser(); }
};

TEST_F(Rebooting, WithTheTargetFrozen)
{
	target().freeze();
	expect_reboot_in_time();
	target().thaw();
	machine().await_reboot();
	EXPECT_TRUE(await_paths(2));
}

TEST_F(Rebooting, WithIscsidKilled)
{
	machine().output("systemctl start iscsid && pkill -9 iscsid");
	// A session that nobody connects again.
	machine().set_cable(0, false);
	EXPECT_TRUE(await_paths(1));
	expect_reboot_in_time();
}

TEST_F(Rebooting, WithTheDevicesGone)
{
	machine().output("rdma link delete rxe0; rdma link delete rxe1");
	expect_reboot_in_time();
}

// A data disk, with a file system that /etc/fstab has.
class LoggingInAtBoot : public BootTest {
protected:
	// Given up soon by open-iscsi.service: what comes later is for ours.
	void make_record()
	{
		const std::string node =
			fmt::format("iscsiadm -m node -T {} -p {} -I iser ", kPlainTarget, portal(Path::A));
		std::string script = "set -e\nlab-rdma\n" + node + "-o new\n" + node + "--login\n" +
				     "udevadm settle\nmkfs.xfs -q -f -L late /dev/disk/by-path/*" + kPlainTarget +
				     "-lun-0\n" + node + "--logout\n";

		for (const char *setting : {"node.startup -v automatic", "node.session.initial_login_retry_max -v 1",
					    "'node.conn[0].timeo.login_timeout' -v 5"})
			script += node + "-o update -n " + setting + "\n";
		machine().output(script + "echo 'LABEL=late /srv xfs _netdev,nofail,x-systemd.device-timeout=15min 0 0' "
					  ">>/etc/fstab\nsync",
				 minutes(2));
	}

	void await_failed_login()
	{
		EXPECT_TRUE(eventually([&] { return machine().run("systemctl is-failed open-iscsi").ok(); }, minutes(2),
				       seconds(1)))
			<< diagnosis();
	}

	bool await_mount()
	{
		return eventually([&] { return machine().run("mountpoint -q /srv").ok(); }, minutes(2), seconds(1));
	}
};

TEST_F(LoggingInAtBoot, WaitsForADeviceAndForATargetThatComeLate)
{
	prepare(system().from_disk(InitramfsMaker::initramfs_tools, "systemd.wants=systemd-networkd.service"));
	boot();
	make_record();
	expect_reboot_in_time();
	machine().await_reboot();
	await_failed_login();
	std::this_thread::sleep_for(seconds(30));
	EXPECT_FALSE(machine().run("mountpoint -q /srv").ok());
	machine().output("lab-rdma");
	EXPECT_TRUE(await_mount()) << diagnosis();
	EXPECT_TRUE(ours_is_loaded());

	expect_reboot_in_time();
	machine().await_reboot();
	await_failed_login();
	target().freeze();
	machine().output("lab-rdma");
	std::this_thread::sleep_for(seconds(30));
	EXPECT_FALSE(machine().run("mountpoint -q /srv").ok());
	target().thaw();
	EXPECT_TRUE(await_mount()) << diagnosis();
	// It logs out when the machine goes down.
	EXPECT_TRUE(eventually([&] { return machine().run("systemctl is-active open-iscsi").ok(); }, seconds(30)))
		<< diagnosis();
}

} // namespace lab
