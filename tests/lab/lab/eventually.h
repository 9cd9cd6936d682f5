// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace lab {

// Asks until the answer is yes or the time is over; says which.
inline bool eventually(const std::function<bool()> &condition, std::chrono::milliseconds patience,
		       std::chrono::milliseconds pause = std::chrono::milliseconds(200))
{
	const auto deadline = std::chrono::steady_clock::now() + patience;

	while (!condition()) {
		if (std::chrono::steady_clock::now() > deadline)
			return false;
		std::this_thread::sleep_for(pause);
	}
	return true;
}

} // namespace lab
