// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <chrono>
#include <functional>

namespace lab {

// Asks until the answer is yes or the time is over; returns which. When it is over, what the last
// command of the condition has said is printed.
bool eventually(const std::function<bool()> &condition, std::chrono::milliseconds patience,
		std::chrono::milliseconds pause = std::chrono::milliseconds(200));

} // namespace lab
