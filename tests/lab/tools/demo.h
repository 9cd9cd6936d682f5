// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <filesystem>
#include <string>

namespace lab {

// The module's main job from building to unloading, told as it goes, with a summary at the end.
// Returns an exit status.
int demonstrate(const std::filesystem::path &directory, const std::string &suite);

} // namespace lab
