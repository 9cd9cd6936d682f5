// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <exception>
#include <utility>

namespace lab {

// What a destructor takes back of what has been done to a machine. It may not throw, and need not: a
// lost machine is booted anew, and what a living one keeps is found by whoever looks after the test.
template <typename Steps> void undo(Steps &&steps) noexcept
{
	try {
		std::forward<Steps>(steps)();
	} catch (const std::exception &) {
	}
}

} // namespace lab
