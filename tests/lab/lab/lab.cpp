// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/lab.h"

#include "lab/error.h"
#include "lab/eventually.h"

namespace lab {

namespace fs = std::filesystem;

static constexpr const char *kModuleName = "ib_iser.ko.xz";
static constexpr const char *kModuleDirectory = "kernel/drivers/infiniband/ulp/iser";
static constexpr const char *kKeptDisk = "kept.img";
static constexpr unsigned kKeptMib = 128;
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

// QEMU runs in a directory beside the sockets. The target listens, so it starts first.
static VmConfig machine(const std::string &name, unsigned number)
{
	VmConfig config{.name = name, .number = number, .cpus = 2, .memory_mib = 2048, .netdevs = {},
			.disks = {}};

	for (Path path : kPaths)
		config.netdevs.push_back(fmt::format("stream,server={},addr.type=unix,addr.path=../net{}",
						     number == kTarget ? "on" : "off",
						     static_cast<unsigned>(path)));
	if (number == kTarget)
		config.disks.push_back(kKeptDisk);
	return config;
}

static void write_state(const fs::path &directory, const std::string &suite)
{
	write_file(directory / "suite", suite);
}

static void set_up_network(Vm &vm, unsigned number)
{
	vm.output(fmt::format(R"(set -e
hostname {}
modprobe rdma_rxe
for n in 0 1; do
	ip link set eth$n mtu 9000 up
	ip addr add 10.0.$((n + 1)).{}/24 dev eth$n
	ip addr add fd00:$((n + 1))::{}/64 dev eth$n nodad
	tc qdisc add dev eth$n clsact
	# Without a carrier a packet gets lost, as on a wire, instead of failing: NOTES.md
	tc filter add dev eth$n egress protocol all prio 1 u32 match mark 0 0xffffffff \
		action skbedit mark 77 pipe action mirred egress mirror dev eth$n pipe action trap
	rdma link add rxe$n type rxe netdev eth$n
done)",
			      vm.name(), number, number));
}

static void set_up_iscsid(Vm &initiator)
{
	// A task that waits half a minute is stuck here (the target's may wait for a held disk).
	// iscsid looks for its lock directory and does not make it.
	initiator.output(R"(set -e
echo 30 >/proc/sys/kernel/hung_task_timeout_secs
echo InitiatorName=iqn.1993-08.org.debian:01:lab >/etc/iscsi/initiatorname.iscsi
mkdir -p /run/lock/iscsi
iscsid)");
}

Lab::Lab(const LabConfig &config)
	: image_(Image::provide(config.suite, config.progress)), progress_(config.progress)
{
	const fs::path directory = fs::absolute(config.directory);

	fs::remove_all(directory);
	fs::create_directories(directory);
	write_state(directory, config.suite);
	image_.write_initramfs(directory / "initramfs", LAB_AGENT);
	fs::create_directories(directory / "target");
	write_file(directory / "target" / kKeptDisk, "");
	fs::resize_file(directory / "target" / kKeptDisk, kKeptMib << 20);
	progress_("booting two machines");
	for (unsigned number : {kTarget, kInitiator}) {
		const std::string name = number == kTarget ? "target" : "initiator";
		auto vm = std::make_unique<Vm>(Vm::boot(machine(name, number), image_,
							directory / "initramfs", directory / name,
							config.lifetime));
		(number == kTarget ? target_ : initiator_) = std::move(vm);
	}
	target_->await_boot();
	initiator_->await_boot();
	progress_("setting up networks and soft RoCE");
	set_up_network(*target_, kTarget);
	set_up_network(*initiator_, kInitiator);
	set_up_iscsid(*initiator_);
}

Lab::Lab(Image image, std::unique_ptr<Vm> initiator, std::unique_ptr<Vm> target)
	: image_(std::move(image)), initiator_(std::move(initiator)), target_(std::move(target))
{
}

Lab Lab::attach(const fs::path &directory)
{
	if (!fs::exists(directory / "suite"))
		fail("no lab is up in {}", directory.string());
	return Lab(Image::provide(read_file(directory / "suite"), [](const std::string &) {}),
		   std::make_unique<Vm>(Vm::attach("initiator", directory / "initiator")),
		   std::make_unique<Vm>(Vm::attach("target", directory / "target")));
}

void Lab::restart_target()
{
	target_->reset();
	target_->await_boot();
	set_up_network(*target_, kTarget);
}

void Lab::insert(ModuleKind kind)
{
	const std::string directory = fmt::format("/lib/modules/{}/{}", image_.release(),
						  kModuleDirectory);

	if (kind == ModuleKind::none)
		return;
	initiator_->output(fmt::format("cd {0} && {{ test -e stock || cp {1} stock; }} && cp stock {1}",
				       directory, kModuleName));
	if (kind == ModuleKind::ours) {
		progress_("building the module");
		const ModuleBuild build = build_module(image_, "W=1");
		build.result.checked();
		build_id_ = build.build_id;
		initiator_->put(run_process({"xz", "--check=crc32", "--lzma2=dict=1MiB", "-c", build.file})
					.checked()
					.out,
				directory + "/" + kModuleName);
	}
	progress_(fmt::format("loading ib_iser ({})", to_string(kind)));
	initiator_->output("modprobe ib_iser");
	module_ = kind;
}

bool Lab::runs_ours()
{
	const CommandResult notes = initiator_->run(
		"od -An -tx1 /sys/module/ib_iser/notes/.note.gnu.build-id | tr -d ' \\n'");

	return !build_id_.empty() && notes.ok() && notes.out.find(build_id_) != std::string::npos;
}

CommandResult Lab::remove_module()
{
	return initiator_->run("rmmod ib_iser");
}

void Lab::unload()
{
	CommandResult result;

	eventually([&] { return (result = remove_module()).ok(); }, std::chrono::seconds(10));
	result.checked();
}

bool Lab::alive()
{
	return initiator_->alive() && target_->alive();
}

} // namespace lab
