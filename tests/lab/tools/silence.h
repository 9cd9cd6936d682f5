// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <string>

#include "lab/lab.h"

namespace lab {

// What `ack_timeout` costs and gives, measured, as a Markdown table.
std::string silence_table(Lab &lab, unsigned rounds, const Progress &progress);

} // namespace lab
