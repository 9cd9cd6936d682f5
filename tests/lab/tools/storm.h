// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "lab/image.h"
#include "lab/storm_plan.h"

namespace lab {

struct PartResult {
	bool held; // the consoles included
	std::string story;
};

// One part of a storm, in machines of its own.
PartResult storm_part(const std::filesystem::path &directory, const std::string &suite,
		      std::uint32_t seed, const StormCounts &counts, const Progress &progress);

// The whole storm, in parts that each have a seed and machines of their own. What has passed is kept
// in the directory, so that the next call goes on with the part that failed or was interrupted.
bool storm(const std::filesystem::path &directory, const std::string &suite, const Progress &progress);

} // namespace lab
