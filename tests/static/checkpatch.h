// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <filesystem>

#include "lab/image.h"

namespace lab {

// The kernel's own script, with its word lists beside it, from Debian's linux-source package of
// trixie. Fetched once.
std::filesystem::path provide_checkpatch(const Progress &progress);

} // namespace lab
