// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Everything that can happen to a path, over and over and all at once, under verified I/O on
// dm-multipath, which queues when no path is left. The data, the consoles (the caller's business),
// and what is left at the end are the judges.
#pragma once

#include <cstdint>
#include <string>

#include "lab/lab.h"
#include "lab/resources.h"
#include "lab/result.h"
#include "lab/storm_plan.h"

namespace lab {

// What is not done by then hangs. With its machines' boots, a part takes no more than 20 minutes, and in
// a checked kernel half an hour.
std::chrono::minutes longest_storm(const Image &initiators_image);

struct StormReport {
	// The bounds on a removal and an rmmod. A checked kernel's processors are full: much of the time goes
	// by before the command itself has begun.
	Seconds longest_removal{10}, longest_rmmod{5};
	unsigned passes = 0; // of verified I/O
	Seconds duration{};
	Seconds slowest_removal{}; // of an RDMA device
	Seconds slowest_rmmod{};   // that was not refused
	Seconds slowest_return{};  // from everything mended to both paths and the I/O back
	long slab_before = 0, slab_after = 0; // KiB, logged out
	std::string left;    // objects, logged out
	std::string leaks;   // in a kernel with kmemleak
	std::string lockdep; // "on" or "off", in a kernel with it
	std::string failure; // with what was stuck, if something was

	bool held() const;
	std::string story() const;
};

// Does not throw: a storm that ended early says so in its report.
StormReport weather_storm(Lab &lab, std::uint32_t seed, const StormCounts &counts,
			  const Progress &progress);

} // namespace lab
