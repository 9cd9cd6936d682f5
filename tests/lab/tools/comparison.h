// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lab/image.h"

namespace lab {

struct ComparisonOptions {
	std::string suite;
	std::filesystem::path machines; // their directories
	std::filesystem::path results;  // JSON files and pictures, kept from run to run
	unsigned rounds;
	std::vector<std::string> cases; // these anew, if there are any: else what has no result yet
};

// `make failover`: each way in which a path dies, with both modules in the same machines, a picture
// for each, then a table of the results against the bounds that they have to keep. Returns the exit
// status: zero if every bound is kept.
int compare_failovers(const ComparisonOptions &options, const Progress &progress);

} // namespace lab
