// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <filesystem>

#include "lab/lab.h"

namespace lab {

// Instructions per I/O in both modules' own text, by function for ours; prints a Markdown table, and writes
// JSON to `report`. The lab must count instructions.
void measure_instructions(Lab &lab, const std::filesystem::path &report, const Progress &progress);

} // namespace lab
