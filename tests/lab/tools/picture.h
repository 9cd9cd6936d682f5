// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <string>

#include "lab/failover.h"

namespace lab {

// An SVG of completions over time around the fault, ours above stock, with our module's events.
std::string draw(const std::string &title, const FailoverRound &ours, const FailoverRound &stock);

} // namespace lab
