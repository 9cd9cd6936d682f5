// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/vm.h"

#include "lab/error.h"
#include "lab/eventually.h"

namespace lab {

namespace fs = std::filesystem;
using nlohmann::json;

static constexpr std::chrono::seconds kBootTime{180}, kOwnBootTime{480};

// A kernel that patches itself while it boots does so on one CPU (UPSTREAM.md, "Code that is
// changed while it runs"); guest/init adds the others.
static const char *const kCommandLine =
	"console=ttyS0 loglevel=7 panic=0 net.ifnames=0 mitigations=off cryptomgr.notests "
	"tsc=reliable no_timer_check maxcpus=1 noreplace-smp";

// Without cmpxchg16b, after which QEMU 7.2 may give a guest impossible flags (UPSTREAM.md, "Impossible
// flags after cmpxchg16b").
static const char *const kCpu = "max,-cx16";

static std::vector<std::string> qemu_arguments(const VmConfig &config, const Startup &startup)
{
	std::vector<std::string> words{
		"qemu-system-x86_64", "-name", config.name, "-nodefaults", "-no-user-config",
		"-display", "none", "-M", "q35", "-cpu", kCpu,
		"-accel", fmt::format("tcg,thread={},tb-size=512", config.clock_counts ? "single" : "multi"),
		"-smp", std::to_string(config.cpus), "-m", std::to_string(config.memory_mib),
		"-kernel", startup.kernel, "-initrd", startup.initramfs, "-append",
		startup.parameters.empty() ? kCommandLine : fmt::format("{} {}", kCommandLine, startup.parameters),
		// A machine that is booted again goes on in the same log.
		"-chardev", "file,id=console,path=console.log,append=on", "-serial", "chardev:console",
		"-qmp", "unix:qmp.0,server=on,wait=off", "-qmp", "unix:qmp.1,server=on,wait=off",
		"-device", "virtio-rng-pci", "-device", "virtio-serial-pci"};

	for (int port = 0; port < wire::kPorts; port++) {
		words.insert(words.end(),
			     {"-chardev",
			      fmt::format("socket,id=lab{0},path=lab.{0},server=on,wait=off", port),
			      "-device", fmt::format("virtserialport,chardev=lab{0},name=lab.{0}", port)});
	}
	if (!startup.disk.empty())
		words.insert(words.end(), {"-drive",
					   fmt::format("file={},if=none,id=disk,format=raw,snapshot=on,cache=unsafe",
						       startup.disk.string()),
					   "-device", "virtio-blk-pci,drive=disk"});
	if (startup.by_itself)
		words.insert(words.end(), {"-S", "-device", "i6300esb", "-watchdog-action", "reset"});
	// What one machine has written, the other reads, and a killed machine does not take with it: both
	// go through the host's page cache.
	if (!config.shared_disk.empty())
		words.insert(words.end(),
			     {"-drive",
			      fmt::format("file={},if=none,id=shared,format=raw,cache=writeback,file.locking=off,"
					  "snapshot={}",
					  config.shared_disk.string(), config.keeps_shared_disk ? "off" : "on"),
			      "-device", "virtio-blk-pci,drive=shared,share-rw=on"});
	if (config.clock_counts)
		words.insert(words.end(), {"-icount", "shift=2"});
	if (config.count_instructions)
		words.insert(words.end(), {"-plugin", fmt::format("{},socket={}", LAB_PLUGIN, Vm::kInstructions)});
	for (unsigned i = 0; i < config.netdevs.size(); i++) {
		words.insert(words.end(),
			     {"-netdev", fmt::format("{},id=net{}", config.netdevs[i], i), "-device",
			      fmt::format("virtio-net-pci,id=nic{0},netdev=net{0},host_mtu=9000,"
					  "mac=52:54:00:00:{1:02x}:{2:02x}",
					  i, i + 1, config.number)});
	}
	return words;
}

Vm::Vm(std::string name, fs::path directory)
	: name_(std::move(name)), directory_(std::move(directory))
{
}

Vm Vm::boot(const VmConfig &config, const Startup &startup, fs::path directory, Process::Lifetime lifetime)
{
	fs::create_directories(directory);
	Vm vm(config.name, std::move(directory));
	const fs::path log = vm.directory_ / "qemu.log";

	vm.process_ = Process(qemu_arguments(config, startup), vm.directory_, log, lifetime);
	vm.booting_ = true;
	vm.by_itself_ = startup.by_itself;
	try {
		vm.set_networks(startup.by_itself);
	} catch (const Error &error) {
		fail("{}: QEMU did not start: {}\n{}", vm.name_, error.what(), read_file(log));
	}
	return vm;
}

// The test program has port 0 and monitor 0; people share what is left.
Vm Vm::attach(const std::string &name, fs::path directory)
{
	Vm vm(name, std::move(directory));

	vm.monitor_ = 1;
	for (int port = 1; port < wire::kPorts; port++) {
		FileLock lock = FileLock::try_lock(vm.directory_ / fmt::format("lab.{}.lock", port));

		if (!lock)
			continue;
		vm.port_ = port;
		vm.port_lock_ = std::move(lock);
		return vm;
	}
	fail("{}: all {} ports for people are in use", name, wire::kPorts - 1);
}

void Vm::power_on()
{
	qmp().execute("cont");
}

// A NIC without a driver is like a stopped QEMU to the other machine: see freeze().
void Vm::await_boot()
{
	if (!channel_)
		channel_ = std::make_unique<Channel>(name_, directory_ / fmt::format("lab.{}", port_),
						     by_itself_ ? kOwnBootTime : kBootTime);
	if (!booting_)
		return;
	set_networks(true);
	booting_ = false;
}

bool Vm::boots_again(std::uintmax_t console_size, std::chrono::seconds timeout)
{
	return eventually(
		[&] { return read_file(console()).find("Linux version ", console_size) != std::string::npos; }, timeout,
		std::chrono::seconds(1));
}

void Vm::await_reboot()
{
	channel_.reset();
	await_boot();
}

Qmp &Vm::qmp()
{
	if (!qmp_)
		qmp_ = std::make_unique<Qmp>(directory_ / fmt::format("qmp.{}", monitor_));
	return *qmp_;
}

CommandResult Vm::run(const std::string &command, std::chrono::milliseconds timeout)
{
	return *(last_command() = start(command, timeout).wait());
}

std::string Vm::output(const std::string &command, std::chrono::milliseconds timeout)
{
	return trimmed(run(command, timeout).checked().out);
}

Job Vm::start(const std::string &command, std::chrono::milliseconds timeout)
{
	await_boot();
	return channel_->start(command, timeout);
}

void Vm::put(const std::string &content, const std::string &path, const std::string &mode)
{
	await_boot();
	channel_->start(fmt::format("mkdir -p \"$(dirname {0})\" && cat >{0} && chmod {1} {0}", path, mode),
			std::chrono::seconds(60), content)
		.wait()
		.checked();
}

void Vm::set_cable(unsigned nic, bool plugged)
{
	qmp().execute("set_link", {{"name", fmt::format("nic{}", nic)}, {"up", plugged}});
}

// A stopped QEMU queues what comes in and then stops reading, until the other machine's QEMU, and with
// it the whole machine, stands still in a blocking send. A switch would drop it: so does the lab, from
// before the stop on, for a single packet is enough. The NICs' links follow; that the guest may have a
// glimpse of it matters to nobody but itself.
void Vm::freeze()
{
	set_networks(false);
	qmp().execute("stop");
}

void Vm::thaw()
{
	set_networks(true);
	qmp().execute("cont");
}

void Vm::set_networks(bool connected)
{
	for (const char *name : {"net0", "net1"})
		qmp().execute("set_link", {{"name", name}, {"up", connected}});
}

void Vm::quit()
{
	qmp().execute("quit");
}

// Stopped while our new connection to the agent waits for the next one to open its port.
void Vm::reset()
{
	freeze();
	booting_ = true;
	channel_.reset();
	qmp().execute("system_reset");
	qmp().execute("cont");
}

void Vm::dump_tasks()
{
	run("for key in w t l; do echo $key >/proc/sysrq-trigger; done", std::chrono::seconds(60));
}

bool Vm::alive()
{
	if (!process_.running() || !channel_ ||
	    read_file(console()).find("Kernel panic") != std::string::npos)
		return false;
	try {
		return run("true", std::chrono::seconds(10)).ok();
	} catch (const MachineLost &) {
		return false;
	}
}

} // namespace lab
