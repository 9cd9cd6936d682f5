// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The pair of machines and the two networks ("paths") between them. Each NIC has a soft-RoCE
// device: rxe0 on eth0 is path A, rxe1 on eth1 path B, in both machines.
#pragma once

#include <filesystem>
#include <memory>
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

struct LabConfig {
	std::filesystem::path directory; // for sockets and logs
	std::string suite = "trixie";
	Process::Lifetime lifetime = Process::Lifetime::owned;
	Progress progress = [](const std::string &) {};
};

class Lab {
public:
	// Machines up, networks and soft RoCE set up, iscsid running, no module chosen yet.
	explicit Lab(const LabConfig &config);
	// One that was booted detached by another process.
	static Lab attach(const std::filesystem::path &directory);

	Vm &initiator() { return *initiator_; }
	Vm &target() { return *target_; }
	const Image &image() const { return image_; }

	// Puts ours or Debian's own where modprobe finds it, and loads it. Ours is built if need be.
	void insert(ModuleKind kind);
	// Unloads ib_iser and leaves libiscsi and the transport class, which a running iscsid needs.
	CommandResult remove_module();
	// The same after a logout, when udev may still have a disk open for a moment. Throws.
	void unload();
	ModuleKind module() const { return module_; }
	// Whether what is loaded is what was built from the checkout.
	bool runs_ours();

	// The target machine is reset (Vm::reset) and has its network again, but serves nothing yet.
	void restart_target();

	// Both machines answer and neither has panicked.
	bool alive();

private:
	Lab(Image image, std::unique_ptr<Vm> initiator, std::unique_ptr<Vm> target);

	Image image_;
	Progress progress_ = [](const std::string &) {};
	std::unique_ptr<Vm> initiator_, target_;
	ModuleKind module_ = ModuleKind::none;
	std::string build_id_;
};

} // namespace lab
