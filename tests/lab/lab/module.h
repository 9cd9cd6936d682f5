// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Builds the checkout's module for the guests' kernel, inside the tree the guests were made from.
#pragma once

#include <filesystem>
#include <string>

#include "lab/image.h"
#include "lab/result.h"

namespace lab {

enum class ModuleKind { none, ours, stock };

ModuleKind module_kind(const std::string &name);
const char *to_string(ModuleKind kind);

struct ModuleBuild {
	CommandResult result;        // of make; its output is one story, warnings included
	std::string file;            // without debug information, compressed if Debian's own is
	std::string build_id;        // what /sys/module/ib_iser/notes will show
};

// `arguments` go to make after `M=`, for example W=1 or C=2. The source is copied afresh, so that
// everything is compiled each time.
ModuleBuild build_module(const Image &image, const std::string &arguments);

struct ModuleSize {
	long text, data, bss;
};

// In bytes. The checkout's is built anew; the other is Debian's own.
ModuleSize module_size(const Image &image, ModuleKind kind);

// rxe_parent.ko, which hangs soft RDMA devices below their network cards.
std::string build_rxe_parent(const Image &image);

// The checkout's root.
std::filesystem::path checkout();

} // namespace lab
