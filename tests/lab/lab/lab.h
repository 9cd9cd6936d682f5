// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The machines and the two networks ("paths") between them. Each NIC has a soft-RoCE device: rxe0 on
// eth0 is path A, rxe1 on eth1 path B, in all machines. Both paths end at the same target machine, or
// each at one of its own; these two are alike down to their addresses, and share a disk.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "lab/image.h"
#include "lab/module.h"
#include "lab/vm.h"

namespace lab {

enum class Path : unsigned { A, B };
enum class Family { v4, v6 };

inline constexpr Path kPaths[] = {Path::A, Path::B};

// The target's address on a path, and as a portal with its port ("[fd00:1::2]:3260").
std::string target_address(Path path, Family family = Family::v4);
std::string portal(Path path, Family family = Family::v4, unsigned port = 3260);

// So many machines. With none the initiator serves itself, on one CPU whose clock counts instructions: what it
// measures is the same however busy the host is.
enum class Targets : unsigned { none, one, two };

struct LabConfig {
	std::filesystem::path directory; // for sockets and logs
	std::string suite = "trixie";
	Process::Lifetime lifetime = Process::Lifetime::owned;
	Progress progress = [](const std::string &) {};
	Targets targets = Targets::one;
	bool count_instructions = false; // the initiator's; it has one CPU then
	// The initiator boots by itself, when it is powered on: nothing of it is set up here. What its root may be on,
	// the kept target serves it, and leaves the file as it is.
	std::optional<Startup> own_startup{};
	std::filesystem::path served_disk{};
};

class Lab {
public:
	// Machines up, networks and soft RoCE set up, iscsid running, no module chosen yet.
	explicit Lab(const LabConfig &config);
	// One that was booted detached by another process.
	static Lab attach(const std::filesystem::path &directory);

	Vm &initiator() { return *initiator_; }
	// The machine at which the path ends.
	Vm &target(Path path = Path::A);
	// The initiator's, for which the module is built.
	const Image &image() const { return image_; }

	// LIO on each target machine; with two of them its first disk is the shared one.
	void set_up_targets();
	// Ends the machine at which the path ends as a power cut does.
	void kill_target(Path path);
	// Boots it again and sets it up as set_up_targets() did.
	void boot_target(Path path);
	// Both without ending QEMU, so that any thread may do it.
	void reset_target(Path path);

	// The initiator's network card of a path leaves its slot, and comes back set up.
	void unplug_card(Path path);
	void plug_card(Path path);

	// Puts ours or Debian's own where modprobe finds it, and loads it. Ours is built the first time.
	void insert(ModuleKind kind);
	// Unloads ib_iser and leaves libiscsi and the transport class, which a running iscsid needs.
	CommandResult remove_module();
	// The same after a logout, when udev may still have a disk open for a moment. Throws.
	void unload();
	ModuleKind module() const { return module_; }
	// Whether what is loaded is what was built from the checkout.
	bool runs_ours();

	// All machines answer and none has panicked.
	bool alive();

private:
	Lab(const Image &image, const std::filesystem::path &directory, std::unique_ptr<Vm> initiator,
	    std::unique_ptr<Vm> target);
	Vm boot(unsigned number);
	unsigned index_of(Path path) const;
	void set_up_target(unsigned index);

	Image image_, target_image_; // only the initiator is slowed down by checks
	std::filesystem::path directory_;
	Process::Lifetime lifetime_ = Process::Lifetime::owned;
	Progress progress_ = [](const std::string &) {};
	std::unique_ptr<Vm> initiator_;
	std::vector<std::unique_ptr<Vm>> targets_;
	ModuleKind module_ = ModuleKind::none;
	std::optional<ModuleBuild> ours_;
	bool count_instructions_ = false;
	std::optional<Startup> own_startup_;
	std::filesystem::path served_disk_;
};

} // namespace lab
