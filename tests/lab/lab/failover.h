// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The failover scenario, for the test and the demonstration alike.
#pragma once

#include <string>
#include <vector>

#include "lab/lab.h"
#include "lab/result.h"

namespace lab {

struct FailoverRound {
	Path pulled;
	Seconds gap{};        // the longest time without a completed read, this round
	Seconds slowest{};    // the longest that one read took
	bool io_went_on = false;
	bool both_paths_back = false;
	Seconds recovery{};   // from plugging in to both paths ready
};

struct FailoverReport {
	std::vector<FailoverRound> rounds;
	Seconds longest_gap{}, slowest_read{};
	bool io_verified = false;
	std::string io_story;  // fio's, if it failed
	std::string lost;      // why the scenario ended early

	std::string story() const;
};

// Logs in on both paths, starts multipathd with Debian's defaults and verified I/O on the map, and
// pulls the initiator's cables in turn for 20 s each. Ends early, without throwing, when the
// machines or the I/O do not survive it.
FailoverReport pull_cables(Lab &lab, unsigned rounds, const Progress &progress);

} // namespace lab
