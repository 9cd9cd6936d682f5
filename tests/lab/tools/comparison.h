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
	std::vector<std::string> cases; // these, if there are any: otherwise what has no result yet
};

// `make failover`: each way in which a path dies, with both modules in the same machines, a picture
// for each, then a table of all results there are of the checkout's module against the bounds that it
// has to keep. Returns the exit status: zero if every case was measured and every bound kept.
int compare_failovers(const ComparisonOptions &options, const Progress &progress);

} // namespace lab
