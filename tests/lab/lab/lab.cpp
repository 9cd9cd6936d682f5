// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/lab.h"

#include <algorithm>

#include "lab/error.h"
#include "lab/eventually.h"
#include "lab/target.h"

namespace lab {

namespace fs = std::filesystem;

static constexpr const char *kSharedDisk = "shared.img";
static constexpr const char *kNames[] = {"initiator", "target", "target2"};
static constexpr unsigned kInitiator = 1, kTarget = 2; // last part of MAC and IP addresses

std::string target_address(Path path, Family family)
{
	const unsigned network = static_cast<unsigned>(path) + 1;

	return family == Family::v4 ? fmt::format("10.0.{}.{}", network, kTarget)
				    : fmt::format("fd00:{}::{}", network, kTarget);
}

std::string portal(Path path, Family family, unsigned port)
{
	const std::string address = target_address(path, family);

	return family == Family::v4 ? fmt::format("{}:{}", address, port)
				    : fmt::format("[{}]:{}", address, port);
}

// QEMU runs in a directory beside the sockets. The initiator listens, so that a target machine may go
// and come again. Of two target machines each has one path's network; its other NIC leads nowhere.
static VmConfig machine(unsigned number, Targets targets, const fs::path &directory)
{
	VmConfig config{.name = kNames[number - 1], .number = number, .cpus = 2, .memory_mib = 2048,
			.netdevs = {}};

	if (targets == Targets::none) {
		config.cpus = 1;
		config.clock_counts = true;
	}
	for (Path path : kPaths) {
		const unsigned network = static_cast<unsigned>(path);

		if (targets == Targets::none ||
		    (targets == Targets::two && number != kInitiator && number - kTarget != network))
			config.netdevs.push_back("hubport,hubid=0");
		else
			config.netdevs.push_back(fmt::format("stream,server={},addr.type=unix,addr.path=../net{}",
							     number == kInitiator ? "on" : "off", network));
	}
	if (number != kInitiator || targets == Targets::none)
		config.shared_disk = directory / kSharedDisk;
	return config;
}

static void make_shared_disk(const fs::path &file)
{
	write_file(file, "");
	fs::resize_file(file, 512 << 20);
}

static void set_up_card(Vm &vm, unsigned number, unsigned card)
{
	vm.output(fmt::format(R"(set -e
ip link set eth{0} mtu 9000 up
ip addr add 10.0.{1}.{2}/24 dev eth{0}
ip addr add fd00:{1}::{2}/64 dev eth{0} nodad
tc qdisc add dev eth{0} clsact
# Without a carrier a packet gets lost, as on a wire, instead of failing: UPSTREAM.md,
# "A pulled cable kills the GSI queue pair"
ip link set ifb{0} mtu 9000 up
tc filter add dev eth{0} egress protocol all prio 1 matchall action mirred egress redirect dev ifb{0}
rdma link add rxe{0} type rxe netdev eth{0})",
			      card, card + 1, number));
}

// Both target machines have the same addresses, in networks of their own.
static void set_up_network(Vm &vm, unsigned number)
{
	vm.output("hostname " + vm.name() + " && modprobe ifb numifbs=2 && modprobe rdma_rxe");
	for (unsigned card : {0, 1})
		set_up_card(vm, number, card);
}

Vm Lab::boot(unsigned number)
{
	VmConfig config = machine(number, static_cast<Targets>(targets_.size()), directory_);
	const Image &image = number == kInitiator ? image_ : target_image_;
	Startup startup{.kernel = image.kernel(), .initramfs = directory_ / (config.name + ".initramfs"),
			.disk = image.disk()};

	if (number == kInitiator && count_instructions_) {
		config.count_instructions = true;
		config.cpus = 1;
	}
	if (number == kInitiator && own_startup_) {
		startup = *own_startup_;
	} else {
		image.write_initramfs(startup.initramfs, LAB_AGENT);
		if (!served_disk_.empty()) {
			config.shared_disk = served_disk_;
			config.keeps_shared_disk = false;
		}
	}
	return Vm::boot(config, startup, directory_ / config.name, lifetime_);
}

Lab::Lab(const LabConfig &config)
	: image_(Image::provide(config.suite, config.progress)),
	  target_image_(Image::provide(unchecked(config.suite), config.progress)),
	  directory_(fs::absolute(config.directory)), lifetime_(config.lifetime),
	  progress_(config.progress), targets_(static_cast<unsigned>(config.targets)),
	  count_instructions_(config.count_instructions), own_startup_(config.own_startup),
	  served_disk_(config.served_disk)
{
	fs::remove_all(directory_);
	fs::create_directories(directory_);
	write_file(directory_ / "suite", config.suite);
	make_shared_disk(directory_ / kSharedDisk);
	progress_(fmt::format("booting {} machines", targets_.size() + 1));
	initiator_ = std::make_unique<Vm>(boot(kInitiator));
	for (unsigned i = 0; i < targets_.size(); i++)
		targets_[i] = std::make_unique<Vm>(boot(kTarget + i));
	if (!own_startup_)
		initiator_->await_boot();
	for (auto &target : targets_)
		target->await_boot();
	progress_("setting up networks and soft RoCE");
	for (auto &target : targets_)
		set_up_network(*target, kTarget);
	if (own_startup_)
		return;
	set_up_network(*initiator_, kInitiator);
	if (targets_.empty())
		initiator_->output(fmt::format("for i in 0 1; do ip addr add 10.0.$((i + 1)).{0}/24 dev eth$i && "
					       "ip addr add fd00:$((i + 1))::{0}/64 dev eth$i nodad; done",
					       kTarget));
	// A task that waits half a minute is stuck here (the target's may wait for a held disk).
	// iscsid looks for its lock directory and does not make it.
	initiator_->output(R"(set -e
echo 30 >/proc/sys/kernel/hung_task_timeout_secs
echo InitiatorName=iqn.1993-08.org.debian:01:lab >/etc/iscsi/initiatorname.iscsi
mkdir -p /run/lock/iscsi
iscsid)");
}

Lab::Lab(const Image &image, const fs::path &directory, std::unique_ptr<Vm> initiator,
	 std::unique_ptr<Vm> target)
	: image_(image), target_image_(image), directory_(directory), initiator_(std::move(initiator))
{
	targets_.push_back(std::move(target));
}

Lab Lab::attach(const fs::path &directory)
{
	if (!fs::exists(directory / "suite"))
		fail("no lab is up in {}", directory.string());
	return Lab(Image::provide(read_file(directory / "suite"), [](const std::string &) {}), directory,
		   std::make_unique<Vm>(Vm::attach("initiator", directory / "initiator")),
		   std::make_unique<Vm>(Vm::attach("target", directory / "target")));
}

unsigned Lab::index_of(Path path) const
{
	return targets_.size() > 1 ? static_cast<unsigned>(path) : 0;
}

Vm &Lab::target(Path path)
{
	if (targets_.empty())
		return *initiator_;
	if (!targets_[index_of(path)])
		fail("the target machine is switched off");
	return *targets_[index_of(path)];
}

void Lab::set_up_target(unsigned index)
{
	if (targets_.size() > 1)
		set_up_lio(*targets_[index], SharedDisk{"/dev/vdb", index + 1});
	else
		set_up_lio(*targets_[index]);
}

void Lab::set_up_targets()
{
	if (targets_.empty())
		set_up_lio(*initiator_);
	for (unsigned i = 0; i < targets_.size(); i++)
		set_up_target(i);
}

void Lab::kill_target(Path path)
{
	target(path).quit();
	targets_[index_of(path)].reset();
}

void Lab::boot_target(Path path)
{
	std::unique_ptr<Vm> &target = targets_[index_of(path)];

	target = std::make_unique<Vm>(boot(kTarget + static_cast<unsigned>(path)));
	target->await_boot();
	set_up_network(*target, kTarget);
	set_up_target(index_of(path));
}

void Lab::reset_target(Path path)
{
	target(path).reset();
	target(path).await_boot();
	set_up_network(target(path), kTarget);
	set_up_target(index_of(path));
}

void Lab::unplug_card(Path path)
{
	initiator_->output(fmt::format("echo 1 >$(realpath /sys/class/net/eth{}/device)/../remove",
				       static_cast<unsigned>(path)));
}

void Lab::plug_card(Path path)
{
	initiator_->output("echo 1 >/sys/bus/pci/rescan");
	set_up_card(*initiator_, kInitiator, static_cast<unsigned>(path));
}

void Lab::insert(ModuleKind kind)
{
	const fs::path file = image_.module("ib_iser");

	if (kind == ModuleKind::none)
		return;
	initiator_->output(fmt::format("cd {0} && {{ test -e stock || cp {1} stock; }} && cp stock {1}",
				       file.parent_path().string(), file.filename().string()));
	if (kind == ModuleKind::ours) {
		if (!ours_) {
			progress_("building the module");
			ModuleBuild build = build_module(image_, "W=1");
			build.result.checked();
			ours_ = std::move(build);
		}
		initiator_->put(ours_->file, file);
	}
	progress_(fmt::format("loading ib_iser ({})", to_string(kind)));
	initiator_->output("modprobe ib_iser");
	module_ = kind;
}

bool Lab::runs_ours()
{
	const CommandResult notes = initiator_->run(
		"od -An -tx1 /sys/module/ib_iser/notes/.note.gnu.build-id | tr -d ' \\n'");

	return ours_ && notes.ok() && notes.out.find(ours_->build_id) != std::string::npos;
}

CommandResult Lab::remove_module()
{
	return initiator_->run("rmmod ib_iser");
}

void Lab::unload()
{
	CommandResult result;

	eventually([&] { return (result = remove_module()).ok(); }, std::chrono::seconds(60));
	result.checked();
}

bool Lab::alive()
{
	return initiator_->alive() &&
	       std::ranges::all_of(targets_, [](auto &target) { return target && target->alive(); });
}

} // namespace lab
