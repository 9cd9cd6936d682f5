// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// LIO is set up by configfs itself: targetcli does the same writes, but is a minute of Python on
// an emulated CPU.
#include "lab/target.h"

#include "lab/error.h"
#include "lab/lab.h"
#include "lab/undo.h"

namespace lab {

static constexpr const char *kCore = "/sys/kernel/config/target/core";
static constexpr const char *kFabric = "/sys/kernel/config/target/iscsi";
static constexpr const char *kFirstDisk = "/dev/nullb0"; // unless it is shared
static constexpr unsigned kHeldDisk = 2, kKeptDisk = 3;
static constexpr const char *kCrowdName = "iqn.2003-01.org.linux-iscsi.lab:crowd"; // and a number
static constexpr unsigned kCrowdPort = 4000;                                      // of the first

// A script of configfs steps that stops at the first one refused.
class ConfigScript {
public:
	void directory(const std::string &path) { text_ += fmt::format("mkdir -p '{}'\n", path); }
	void link(const std::string &to, const std::string &path)
	{
		text_ += fmt::format("ln -s '{}' '{}'\n", to, path);
	}
	// Without a newline: LIO would take it for a part of a user's name.
	void set(const std::string &path, const std::string &value)
	{
		text_ += fmt::format("printf %s '{}' >'{}'\n", value, path);
	}
	void command(const std::string &line) { text_ += line + "\n"; }
	const std::string &text() const { return text_; }

private:
	std::string text_ = "set -ex\n";
};

static std::string add_memory(ConfigScript &script, unsigned number, unsigned mib)
{
	const std::string null = fmt::format("/sys/kernel/config/nullb/nullb{}", number);

	script.directory(null);
	script.set(null + "/memory_backed", "1");
	script.set(null + "/max_sectors", "2048");
	script.set(null + "/size", std::to_string(mib));
	script.set(null + "/power", "1");
	return fmt::format("/dev/nullb{}", number);
}

static std::string add_held_memory(ConfigScript &script, unsigned number)
{
	const std::string memory = add_memory(script, number, 64);

	script.command(fmt::format("dmsetup create held --table \"0 $(blockdev --getsz {0}) linear {0} 0\"",
				   memory));
	return "/dev/mapper/held";
}

// The serial number makes the WWN, by which multipathd knows a disk.
static void add_disk(ConfigScript &script, unsigned number, const std::string &device)
{
	const std::string store = fmt::format("{}/iblock_{}/disk{}", kCore, number, number);

	script.directory(store);
	script.set(store + "/control", "udev_path=" + device);
	script.set(store + "/enable", "1");
	script.set(store + "/wwn/vpd_unit_serial", fmt::format("1ab0000{}", number));
}

static std::string tpg(const std::string &name)
{
	return fmt::format("{}/{}/tpgt_1", kFabric, name);
}

static void add_lun(ConfigScript &script, const std::string &target, unsigned lun, unsigned disk)
{
	const std::string directory = fmt::format("{}/lun/lun_{}", tpg(target), lun);

	script.directory(directory);
	script.link(fmt::format("{}/iblock_{}/disk{}", kCore, disk, disk), directory + "/disk");
}

// Anybody may log in ("demo mode") and write.
static void add_target(ConfigScript &script, const std::string &name)
{
	script.directory(tpg(name));
	script.set(tpg(name) + "/attrib/generate_node_acls", "1");
	script.set(tpg(name) + "/attrib/cache_dynamic_acls", "1");
	script.set(tpg(name) + "/attrib/demo_mode_write_protect", "0");
	script.set(tpg(name) + "/attrib/authentication", "0");
	for (Path path : kPaths) {
		for (Family family : {Family::v4, Family::v6}) {
			const std::string np = fmt::format("{}/np/{}", tpg(name), portal(path, family));

			script.directory(np);
			script.set(np + "/iser", "1");
		}
	}
}

static void ask_for_secrets(ConfigScript &script, const std::string &name, bool mutual)
{
	const ChapSecrets secrets;

	script.set(tpg(name) + "/attrib/authentication", "1");
	script.set(tpg(name) + "/auth/userid", secrets.user);
	script.set(tpg(name) + "/auth/password", secrets.password);
	if (!mutual)
		return;
	script.set(tpg(name) + "/auth/userid_mutual", secrets.target_user);
	script.set(tpg(name) + "/auth/password_mutual", secrets.target_password);
}

// With one port group for both, scsi_dh_alua would ask one machine about the other's paths, and
// wait for the answer.
static void set_controller(ConfigScript &script, unsigned controller)
{
	const std::string group = fmt::format("{}/iblock_0/disk0/alua/controller", kCore);

	script.directory(group);
	script.set(group + "/tg_pt_gp_id", std::to_string(controller));
	script.set(tpg(kPlainTarget) + "/lun/lun_0/alua_tg_pt_gp", "controller");
	script.set(tpg(kPlainTarget) + "/rtpi", std::to_string(controller * 100));
}

void set_up_lio(Vm &target, const std::optional<SharedDisk> &shared)
{
	ConfigScript script;

	script.command("modprobe null_blk nr_devices=0");
	script.command("modprobe -a dm_mod target_core_mod target_core_iblock iscsi_target_mod ib_isert");
	add_disk(script, 0, shared ? shared->device : add_memory(script, 0, 512));
	add_disk(script, 1, add_memory(script, 1, 512));
	add_disk(script, kHeldDisk, add_held_memory(script, kHeldDisk));
	for (const std::string &name : {kPlainTarget, kChapTarget, kMutualTarget, kHeldTarget}) {
		add_target(script, name);
		add_lun(script, name, 0, name == kHeldTarget ? kHeldDisk : 0);
	}
	add_lun(script, kPlainTarget, 1, 1);
	if (shared) {
		set_controller(script, shared->controller);
	} else {
		add_disk(script, kKeptDisk, "/dev/vdb");
		add_target(script, kKeptTarget);
		add_lun(script, kKeptTarget, 0, kKeptDisk);
		script.set(tpg(kKeptTarget) + "/enable", "1");
	}
	ask_for_secrets(script, kChapTarget, false);
	ask_for_secrets(script, kMutualTarget, true);
	for (const std::string &name : {kPlainTarget, kChapTarget, kMutualTarget, kHeldTarget})
		script.set(tpg(name) + "/enable", "1");
	target.output(script.text());
}

std::string crowd_target(unsigned number)
{
	return fmt::format("{}{}", kCrowdName, number);
}

std::string crowd_portal(unsigned number)
{
	return portal(Path::A, Family::v4, kCrowdPort + number);
}

// A loop of the guest's shell: said line by line, it is more than a command may be long.
void set_up_crowd(Vm &target, unsigned count)
{
	target.output(fmt::format(R"(set -e
cd {}
test -d {} && exit 0
for i in $(seq 0 {}); do
	mkdir -p {}$i/tpgt_1
	cd {}$i/tpgt_1
	echo 1 >attrib/generate_node_acls
	echo 1 >attrib/cache_dynamic_acls
	echo 0 >attrib/demo_mode_write_protect
	echo 0 >attrib/authentication
	np=np/{}:$(({} + i))
	mkdir $np
	echo 1 >$np/iser
	mkdir lun/lun_0
	ln -s {}/iblock_0/disk0 lun/lun_0/disk
	echo 1 >enable
	cd ../..
done)",
				  kFabric, crowd_target(0), count - 1, kCrowdName, kCrowdName,
				  target_address(Path::A), kCrowdPort, kCore),
		      std::chrono::minutes(3));
}

void enable_crowd_target(Vm &target, unsigned number, bool enabled)
{
	target.output(fmt::format("echo {} >{}/enable", enabled ? 1 : 0, tpg(crowd_target(number))),
		      std::chrono::minutes(2));
}

// A machine that is lost takes its configuration with it.

ExtraLun::ExtraLun(Vm &target, unsigned lun)
	: target_(target), directory_(fmt::format("{}/lun/lun_{}", tpg(kPlainTarget), lun))
{
	ConfigScript script;

	add_lun(script, kPlainTarget, lun, 1);
	target.output(script.text());
}

ExtraLun::~ExtraLun()
{
	undo([this] { target_.run(fmt::format("rm {0}/disk; rmdir {0}", directory_)); });
}

ExtraPortal::ExtraPortal(Vm &target, const std::string &portal)
	: target_(target), directory_(fmt::format("{}/np/{}", tpg(kPlainTarget), portal))
{
	ConfigScript script;

	script.directory(directory_);
	script.set(directory_ + "/iser", "1");
	target.output(script.text());
}

ExtraPortal::~ExtraPortal()
{
	undo([this] { target_.run("rmdir " + directory_); });
}

void set_up_wide_target(Vm &target, unsigned luns)
{
	ConfigScript script;

	if (target.run("test -d " + tpg(kWideTarget)).ok())
		return;
	add_target(script, kWideTarget);
	script.command(fmt::format("for i in $(seq 0 {0}); do mkdir {1}/lun/lun_$i; "
				   "ln -s {2}/iblock_0/disk0 {1}/lun/lun_$i/disk; done",
				   luns - 1, tpg(kWideTarget), kCore));
	script.set(tpg(kWideTarget) + "/enable", "1");
	target.output(script.text(), std::chrono::minutes(3));
}

void set_up_bench_target(Vm &target)
{
	static constexpr const char *kNvmet = "/sys/kernel/config/nvmet";
	const std::string tcp =
		fmt::format("{}/np/{}", tpg(kBenchTarget), portal(Path::A, Family::v4, kTcpPort));
	const std::string subsystem = fmt::format("{}/subsystems/{}", kNvmet, kNvmeSubsystem);
	const std::string port = fmt::format("{}/ports/1", kNvmet);
	ConfigScript script;

	if (target.run("test -d " + tpg(kBenchTarget)).ok())
		return;
	add_target(script, kBenchTarget);
	add_lun(script, kBenchTarget, 0, 0);
	script.directory(tcp);
	script.set(tpg(kBenchTarget) + "/enable", "1");
	script.command("modprobe nvmet_rdma");
	script.directory(subsystem + "/namespaces/1");
	script.set(subsystem + "/attr_allow_any_host", "1");
	script.set(subsystem + "/namespaces/1/device_path", kFirstDisk);
	script.set(subsystem + "/namespaces/1/enable", "1");
	script.directory(port);
	script.set(port + "/addr_trtype", "rdma");
	script.set(port + "/addr_adrfam", "ipv4");
	script.set(port + "/addr_traddr", target_address(Path::A));
	script.set(port + "/addr_trsvcid", std::to_string(kNvmePort));
	script.link(subsystem, fmt::format("{}/subsystems/{}", port, kNvmeSubsystem));
	target.output(script.text());
}

static std::string lio_portals(bool iser)
{
	return fmt::format("for np in {}/iqn*/tpgt_1/np/*; do echo {} >\"$np/iser\"; done\n", kFabric,
			   iser ? 1 : 0);
}

// tgt lists and admits nobody until a target is bound both to addresses and to initiator names.
TgtInsteadOfLio::TgtInsteadOfLio(Vm &target) : target_(target)
{
	target.output(lio_portals(false));
	target.output(fmt::format(R"(set -ex
modprobe -a ib_uverbs rdma_ucm
truncate -s 128M /dev/shm/tgt.img
rm -rf /var/run/tgtd
tgtd --iscsi portal=0.0.0.0:3271 --iser pool_sz_mb=128
for i in $(seq 100); do tgtadm --mode target --op show && break; sleep 0.2; done
admin="tgtadm --lld iser --mode target --tid 1"
$admin --op new -T {}
tgtadm --lld iser --mode logicalunit --op new --tid 1 --lun 1 -b /dev/shm/tgt.img
$admin --op bind -I ALL
$admin --op bind -Q iqn.1993-08.org.debian:01:lab)",
				  kTgtTarget));
}

void TgtInsteadOfLio::set(const std::string &key, const std::string &value)
{
	target_.output(fmt::format("tgtadm --lld iser --mode target --tid 1 --op update -n {} -v {}", key, value));
}

TgtInsteadOfLio::~TgtInsteadOfLio()
{
	undo([this] {
		// tgtd does not listen to anything milder.
		target_.run("pkill -9 -x tgtd; rm -f /dev/shm/tgt.img; sleep 1\n" +
			    lio_portals(true));
	});
}

LioParameters::LioParameters(Vm &target, const std::map<std::string, std::string> &parameters)
	: target_(target)
{
	ConfigScript script;

	for (const auto &[name, value] : parameters) {
		const std::string file = fmt::format("{}/param/{}", tpg(kPlainTarget), name);

		restore_ += fmt::format("echo '{}' >{}\n", target.output("cat " + file), file);
		script.set(file, value);
	}
	target.output(script.text());
}

LioParameters::~LioParameters()
{
	undo([this] { target_.run(restore_); });
}

HeldDisk::HeldDisk(Vm &target) : target_(target)
{
	target.output("dmsetup suspend --noflush --nolockfs held");
}

void HeldDisk::release()
{
	if (held_)
		target_.output("dmsetup resume --noudevsync held");
	held_ = false;
}

HeldDisk::~HeldDisk()
{
	undo([this] { release(); });
}

} // namespace lab
