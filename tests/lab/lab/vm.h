// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// One virtual machine: its process, its directory with sockets and console log, its monitor and
// its command channel.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lab/channel.h"
#include "lab/files.h"
#include "lab/image.h"
#include "lab/process.h"
#include "lab/qmp.h"

namespace lab {

struct VmConfig {
	std::string name;
	unsigned number; // makes MAC addresses
	unsigned cpus;
	unsigned memory_mib;
	std::vector<std::string> netdevs; // QEMU's -netdev, without the id; relative to the directory
	std::filesystem::path shared_disk{}; // /dev/vdb, which another machine may have too
	bool keeps_shared_disk = true;	     // or leaves the file as it was
	bool count_instructions = false;     // of its modules, see lab/instructions.h; with one CPU
	bool clock_counts = false;	     // its clock is the number of instructions: 4 ns each
};

// What a machine boots.
struct Startup {
	std::filesystem::path kernel, initramfs;
	std::filesystem::path disk{}; // /dev/vda, left as it is; none: its root comes from elsewhere
	std::string parameters{};     // of the kernel, beside the lab's
	// A machine with an init system of its own: its networks are there from the beginning, it has a watchdog,
	// and it waits for power_on().
	bool by_itself = false;
};

class Vm {
public:
	// Starts QEMU in `directory`; await_boot() comes before the first command.
	static Vm boot(const VmConfig &config, const Startup &startup, std::filesystem::path directory,
		       Process::Lifetime lifetime);
	// A machine that somebody else has booted: takes a monitor and a port that are free.
	static Vm attach(const std::string &name, std::filesystem::path directory);

	void power_on();
	void await_boot();
	// Has a kernel begun to boot since the console had so many bytes? await_reboot() comes next.
	bool boots_again(std::uintmax_t console_size, std::chrono::seconds timeout);
	void await_reboot();
	CommandResult run(const std::string &command,
			  std::chrono::milliseconds timeout = std::chrono::seconds(60));
	// run(), but failing throws.
	std::string output(const std::string &command,
			   std::chrono::milliseconds timeout = std::chrono::seconds(60));
	Job start(const std::string &command,
		  std::chrono::milliseconds timeout = std::chrono::minutes(10));
	void put(const std::string &content, const std::string &path, const std::string &mode = "644");

	void set_cable(unsigned nic, bool plugged);
	void freeze();
	void thaw();
	void quit();
	// Off and on again, with no word to anybody; the shared disk keeps what it holds. await_boot()
	// comes next.
	void reset();
	// Has the kernel print to the console what all tasks are doing, and the workqueues (sysrq).
	void dump_tasks();

	// Alive as far as the host can see: a panicked one is not.
	bool alive();
	const std::string &name() const { return name_; }
	std::filesystem::path console() const { return directory_ / "console.log"; }
	std::filesystem::path instructions() const { return directory_ / kInstructions; }

	static constexpr const char *kInstructions = "instructions"; // a socket

private:
	Vm(std::string name, std::filesystem::path directory);
	Qmp &qmp();
	void set_networks(bool connected);

	std::string name_;
	std::filesystem::path directory_;
	unsigned port_ = 0;
	unsigned monitor_ = 0;
	std::optional<FileLock> port_lock_;
	Process process_;
	std::unique_ptr<Qmp> qmp_;
	std::unique_ptr<Channel> channel_;
	bool booting_ = false; // by us, and its networks with it
	bool by_itself_ = false;
};

} // namespace lab
