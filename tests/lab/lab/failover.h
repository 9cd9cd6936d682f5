// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The failover scenario: dm-multipath over both paths, verified I/O, and a fault of one path.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lab/fio.h"
#include "lab/initiator.h"
#include "lab/lab.h"
#include "lab/result.h"

namespace lab {

// What happens to a path, and how it ends.
struct Fault {
	std::string what;
	std::chrono::seconds lasts;
	std::function<void(Lab &, Path)> begin, end;
};

Fault cable_at_initiator();
Fault cable_at_target();
// iscsid is killed first, and started again a while after the cable is plugged in.
Fault cable_at_target_without_iscsid();
Fault device_deleted();

// How the machine is set up for it; the distribution's defaults if nothing is said.
struct Tuning {
	Settings node;         // iscsid's
	std::string multipath; // multipath.conf
	int ack_timeout = -1;  // parameter of our module
};

// The README's advice for a failover in well under a second.
Tuning tuned();

// Something the module said in its trace, or the scenario did.
struct Mark {
	double at; // as Completion::at
	std::string what;
};

struct FailoverRound {
	Path path;
	double begin = 0, end = 0; // of the fault, as Completion::at
	std::vector<Completion> reads{};
	std::vector<Mark> marks{};
	Seconds gap{};     // the longest time without a completed read, this round
	Seconds slowest{}; // the longest that one read took
	bool io_went_on = false;
	bool both_paths_back = false;
	Seconds recovery{}; // from the end of the fault to both paths ready
};

struct FailoverReport {
	std::vector<FailoverRound> rounds;
	Seconds longest_gap{}, slowest_read{};
	bool io_verified = false;
	std::string io_story; // fio's, if it failed
	std::string lost;     // why the scenario ended early

	std::string story() const;
};

// Logs in on both paths, starts multipathd and verified I/O on the map, and has the fault happen to
// the paths in turn. Ends early, without throwing, when the machines or the I/O do not survive it.
FailoverReport fail_over(Lab &lab, const Fault &fault, const Tuning &tuning, unsigned rounds,
			 const Progress &progress);

} // namespace lab
