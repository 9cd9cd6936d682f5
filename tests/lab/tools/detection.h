// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include "lab/lab.h"

namespace lab {

// What `ack_timeout` gives, measured: prints a Markdown table. Returns the exit status: zero if each
// time was as the specification has it.
int measure_detection(Lab &lab, unsigned rounds, const Progress &progress);

} // namespace lab
