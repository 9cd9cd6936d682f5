// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// A machine as its owner has set it up: Debian with systemd as init, multipath-tools, an initramfs and our package,
// on a disk. Beside these it has what guest/system holds: the lab's agent, and soft RDMA devices in the initramfs.
#pragma once

#include "lab/changed_root.h"
#include "lab/vm.h"

namespace lab {

// The package, made from the checkout.
std::filesystem::path build_package();
CommandResult install_packages(ChangedRoot &root, const std::string &packages);

enum class InitramfsMaker { initramfs_tools, dracut };

class InstalledSystem {
public:
	// Three minutes.
	InstalledSystem(const Image &image, const std::filesystem::path &directory);

	// From its own disk...
	Startup from_disk(InitramfsMaker maker, const std::string &parameters = "") const;
	// ... or from the two portals of the kept target, which serves it.
	Startup from_iser(InitramfsMaker maker, const std::string &parameters = "") const;
	const std::filesystem::path &disk() const { return disk_; }

	static constexpr const char *kRoot = "/dev/mapper/iser-root"; // if it is from iSER

private:
	Startup startup(InitramfsMaker maker, const std::string &parameters) const;

	ChangedRoot root_;
	std::filesystem::path disk_, kernel_;
	std::string release_;
};

} // namespace lab
