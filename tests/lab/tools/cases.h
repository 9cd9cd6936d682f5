// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The ways in which a path dies, and what our module has to keep in each.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lab/failover_report.h"
#include "lab/lab.h"

namespace lab {

// What the longest gap of each round must be less than; every bound also asks for data that is right,
// for a machine that survives without a complaint, and for everything to be back by itself.
struct Bound {
	enum class Kind {
		seconds,
		seconds_at_fault, // what comes with its end is iscsid's doing
		stock,        // no longer than the distribution's, whatever that is
		twice_before, // twice the longest gap before the fault
		recovery,     // any length
	} kind;
	double seconds = 0;

	std::string text() const;
};

struct Case {
	std::string name; // of its results and its picture
	std::string what;
	Targets targets;
	Bound bound;
	std::function<FailoverReport(Lab &, unsigned rounds, const Progress &)> run;
};

const std::vector<Case> &failover_cases();

// Empty if ours has kept the bound, otherwise why not.
std::string broken(const Bound &bound, const FailoverReport &ours, const FailoverReport &stock);

} // namespace lab
