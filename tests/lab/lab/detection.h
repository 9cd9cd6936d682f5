// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// How long a silent peer goes unnoticed when nothing but the transport looks.
#pragma once

#include <string>
#include <vector>

#include "lab/lab.h"
#include "lab/result.h"

namespace lab {

struct Detection {
	Seconds after{-1}; // from the pull to the module's conn_fail; negative: not in two minutes
	std::string cause;
};

// A session on path A without pings, under I/O, whose cable is pulled at the target; our module only.
std::vector<Detection> detect_repeatedly(Lab &lab, int ack_timeout, unsigned rounds,
				      const Progress &progress);

} // namespace lab
