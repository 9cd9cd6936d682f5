// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <string>

#include "lab/lab.h"

namespace lab {

// When something is stuck: what sessions, paths and RDMA objects there are, for a person to read. The
// stacks of all tasks go to the machines' consoles. Asks machines that may not answer, and never throws.
std::string diagnose(Lab &lab);

} // namespace lab
