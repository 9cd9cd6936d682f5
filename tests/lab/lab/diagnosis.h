// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <string>

#include "lab/lab.h"

namespace lab {

// When something is stuck: what sessions, paths and RDMA objects there are, for a person to read. The
// stacks of all tasks go to the machines' consoles. Asks machines that may not answer, by channels of its
// own, so that any thread may call it at any time; never throws.
std::string diagnose(Lab &lab);
// For a watchdog: prints the diagnosis, and ends the machines, and with them whatever waits for them.
void give_up(Lab &lab, const std::string &why);

} // namespace lab
