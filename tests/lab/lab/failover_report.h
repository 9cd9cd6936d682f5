// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What a fault of a path did to the I/O.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lab/fio.h"
#include "lab/lab.h"
#include "lab/result.h"
#include "lab/trace.h"

namespace lab {

struct FailoverRound {
	Path path = Path::A;
	double begin = 0, end = 0; // of the fault, as Completion::at
	std::vector<Completion> reads{};
	std::vector<Mark> marks{};
	// The longest that a reader waited for a completion: until the fault ended, and from then on.
	Seconds gap_at_fault{}, gap_at_end{};
	Seconds gap_before{};      // the same before the fault; told where it is the measure
	Seconds failed_after{-1};  // until the connection failed, by the module's trace
	Seconds resumed_after{-1}; // from there to the end of the wait
	bool recovered = false;    // everything as it was, by itself
	Seconds recovery{};        // from the end of the fault

	Seconds gap() const { return std::max(gap_at_fault, gap_at_end); }
	std::string story() const;
};

struct FailoverReport {
	std::vector<FailoverRound> rounds;
	bool io_verified = false;
	std::string io_story; // fio's, if it failed
	std::string lost;     // why the scenario ended early
	std::vector<std::string> complaints; // of the initiator's kernel

	Seconds longest_gap() const;
	std::string story() const;
};

// Runs a scenario, which fills in its rounds, and reports how it ended, whatever it threw.
FailoverReport report_of(Lab &lab, const std::function<void(FailoverReport &)> &scenario);

// Fails unless reads were logged from before the fault until after its end.
void check_reads(const FailoverRound &round, const std::vector<Completion> &reads);
// Fills in what reads and marks tell of a fault of the connection to this address.
void measure_gaps(FailoverRound &round, const std::string &address);

} // namespace lab
