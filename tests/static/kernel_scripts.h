// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <filesystem>

#include "lab/image.h"

namespace lab {

// A directory with the kernel's own scripts/: checkpatch, kernel-doc, coccicheck, with what they read.
// From Debian's linux-source package of trixie, fetched once.
std::filesystem::path provide_kernel_scripts(const Progress &progress);

// Where an image has its kernel's headers, of which checkpatch knows the kernel's own CamelCase.
std::filesystem::path kernel_headers(const Image &image);

} // namespace lab
