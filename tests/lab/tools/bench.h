// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <string>
#include <vector>

#include "lab/fio.h"
#include "lab/lab.h"

namespace lab {

struct BenchRow {
	std::string what;
	FioFigures ours, stock;
};

// fio's figures of both modules in the same pair of machines, one after the other. Leaves ours
// loaded.
std::vector<BenchRow> bench(Lab &lab, unsigned seconds_each, const Progress &progress);
std::string table(const std::vector<BenchRow> &rows);

} // namespace lab
