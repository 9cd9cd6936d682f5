// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <string>
#include <vector>

#include "lab/failover.h"
#include "lab/lab.h"

namespace lab {

struct BenchRow {
	std::string what;
	double ours = 0, stock = 0; // IOPS, mean of two runs
};

struct BenchReport {
	std::vector<BenchRow> rows;
	FailoverReport ours, stock;
};

// Both modules in the same pair of machines, one after the other: fio's figures, then the gap in
// I/O when a cable is pulled. Stock's failover comes last, for the machine may not survive it.
BenchReport bench(Lab &lab, unsigned seconds_each, const Progress &progress);
std::string table(const BenchReport &report);

} // namespace lab
