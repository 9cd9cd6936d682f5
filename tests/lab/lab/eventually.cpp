// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/eventually.h"

#include <iostream>
#include <thread>

#include <fmt/format.h>

#include "lab/result.h"

namespace lab {

bool eventually(const std::function<bool()> &condition, std::chrono::milliseconds patience,
		std::chrono::milliseconds pause)
{
	const auto deadline = std::chrono::steady_clock::now() + patience;

	last_command().reset();
	while (!condition()) {
		if (std::chrono::steady_clock::now() > deadline) {
			if (last_command())
				std::cout << fmt::format("lab: not within {} s; seen last: {}",
							 Seconds(patience).count(), last_command()->story())
					  << std::endl;
			return false;
		}
		std::this_thread::sleep_for(pause);
	}
	return true;
}

} // namespace lab
