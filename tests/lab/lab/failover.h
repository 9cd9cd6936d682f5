// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The failover scenario: dm-multipath over both paths, verified I/O, and a fault of one path.
#pragma once

#include <string>

#include "lab/failover_report.h"
#include "lab/faults.h"
#include "lab/initiator.h"
#include "lab/lab.h"
#include "lab/target.h"

namespace lab {

// How the machine is set up for it; the distribution's defaults if nothing is said.
struct Tuning {
	Settings node;         // iscsid's
	std::string multipath; // multipath.conf
	int ack_timeout = -1;  // parameter of our module
};

// docs/failover.md's advice for a failover in well under a second.
Tuning tuned();

// A disk that both paths lead to.
struct Lun {
	std::string target = kPlainTarget;
	unsigned lun = 0;
};

// Logs in on both paths, starts multipathd and verified I/O on the map, and has the fault happen to
// the paths in turn. Ends early, without throwing, when the machines or the I/O do not survive it.
FailoverReport fail_over(Lab &lab, const Fault &fault, const Tuning &tuning, unsigned rounds,
			 const Progress &progress, const Lun &disk = {});

// The module parameter, where the module has it; the CM's choice again at the end.
class AckTimeout {
public:
	AckTimeout(Lab &lab, int value);
	~AckTimeout();

private:
	void set(int value);

	Lab &lab_;
};

} // namespace lab
