// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Measured cases as JSON files, so that a long comparison can be made in parts.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "lab/failover_report.h"

namespace lab {

struct CaseResult {
	std::string build_id; // of our module
	unsigned rounds = 0;  // asked for
	FailoverReport ours, stock;
};

// Without reads and marks, which the pictures show. A result is whole or not there at all.
void store(const std::filesystem::path &file, const CaseResult &result);
std::optional<CaseResult> load(const std::filesystem::path &file);

} // namespace lab
