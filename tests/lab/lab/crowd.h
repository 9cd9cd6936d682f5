// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Many sessions at once, of which one fails: what do the others notice?
#pragma once

#include "lab/failover_report.h"

namespace lab {

inline constexpr unsigned kCrowd = 64;

// Sessions to the targets of set_up_crowd(), without dm-multipath, each with verified I/O of a few
// commands a second. In each round another target is disabled for a while. The report is about the
// others: reads are theirs, and a gap is the longest that any one of them saw.
FailoverReport fail_one_of_many(Lab &lab, unsigned rounds, const Progress &progress);

} // namespace lab
