// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// LIO is set up by configfs itself: targetcli does the same writes, but is a minute of Python on
// an emulated CPU.
#include "lab/target.h"

#include "lab/error.h"
#include "lab/lab.h"

namespace lab {

static constexpr const char *kCore = "/sys/kernel/config/target/core";
static constexpr const char *kFabric = "/sys/kernel/config/target/iscsi";

enum Disk : unsigned { kPlainDisk, kSecondDisk, kHeldDisk, kKeptDisk };

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

static void add_store(ConfigScript &script, unsigned number, const std::string &device)
{
	const std::string store = fmt::format("{}/iblock_{}/disk{}", kCore, number, number);

	script.directory(store);
	script.set(store + "/control", "udev_path=" + device);
	script.set(store + "/enable", "1");
	script.set(store + "/wwn/vpd_unit_serial", fmt::format("1ab0000{}", number));
}

static void add_memory_disk(ConfigScript &script, unsigned number, const char *mib)
{
	const std::string null = fmt::format("/sys/kernel/config/nullb/nullb{}", number);

	script.directory(null);
	script.set(null + "/memory_backed", "1");
	script.set(null + "/max_sectors", "2048");
	script.set(null + "/size", mib);
	script.set(null + "/power", "1");
}

static void add_disks(ConfigScript &script)
{
	for (unsigned disk : {kPlainDisk, kSecondDisk}) {
		add_memory_disk(script, disk, "512");
		add_store(script, disk, fmt::format("/dev/nullb{}", disk));
	}
	add_memory_disk(script, kHeldDisk, "64");
	script.command(fmt::format("dmsetup create held --table \"0 $(blockdev "
				   "--getsz /dev/nullb{0}) linear /dev/nullb{0} 0\"",
				   unsigned{kHeldDisk}));
	add_store(script, kHeldDisk, "/dev/mapper/held");
	add_store(script, kKeptDisk, "/dev/vdb");
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

void set_up_lio(Vm &target)
{
	const std::pair<std::string, Disk> first_luns[] = {{kPlainTarget, kPlainDisk},
							   {kChapTarget, kPlainDisk},
							   {kMutualTarget, kPlainDisk},
							   {kHeldTarget, kHeldDisk},
							   {kKeptTarget, kKeptDisk}};
	ConfigScript script;

	script.command("modprobe null_blk nr_devices=0");
	script.command("modprobe -a dm_mod target_core_mod target_core_iblock iscsi_target_mod ib_isert");
	add_disks(script);
	for (const auto &[name, disk] : first_luns) {
		add_target(script, name);
		add_lun(script, name, 0, disk);
	}
	add_lun(script, kPlainTarget, 1, kSecondDisk);
	ask_for_secrets(script, kChapTarget, false);
	ask_for_secrets(script, kMutualTarget, true);
	for (const auto &[name, disk] : first_luns)
		script.set(tpg(name) + "/enable", "1");
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
sleep 1
admin="tgtadm --lld iser --mode target --tid 1"
$admin --op new -T {}
tgtadm --lld iser --mode logicalunit --op new --tid 1 --lun 1 -b /dev/shm/tgt.img
$admin --op bind -I ALL
$admin --op bind -Q iqn.1993-08.org.debian:01:lab)",
				  kTgtTarget));
}

TgtInsteadOfLio::~TgtInsteadOfLio()
{
	try {
		// tgtd does not listen to anything milder.
		target_.run("kill -9 $(pidof tgtd); rm -f /dev/shm/tgt.img; sleep 1\n" +
			    lio_portals(true));
	} catch (const Error &) {
		// A lost machine is booted anew.
	}
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
	try {
		target_.run(restore_);
	} catch (const Error &) {
		// A lost machine is booted anew.
	}
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
	try {
		release();
	} catch (const Error &) {
		// A lost machine is booted anew.
	}
}

} // namespace lab
