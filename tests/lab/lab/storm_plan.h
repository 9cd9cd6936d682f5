// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What a storm consists of, in which order and with which pauses: all of it from a seed, so that the
// same seed is the same storm on any machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "lab/lab.h"

namespace lab {

struct StormCounts {
	unsigned flaps;    // a cable pulled and plugged in again, at either end of either path
	unsigned kills;    // kill -9 iscsid, and its restart
	unsigned removals; // an RDMA device of the initiator deleted and added
	unsigned unloads;  // all sessions logged out, the module unloaded, loaded, logged in
	unsigned restarts; // the target machine reset without a word, and booted
};

enum class Deed {
	pull_cable,
	plug_cable,
	kill_iscsid,
	start_iscsid,
	delete_device,
	add_device,
	reset_target,
	unload, // with all that belongs to it, up to the new logins
	settle, // all is mended, and both paths and the I/O have to come back
};

struct StormAction {
	std::chrono::milliseconds pause; // after the action before
	Deed deed;
	Path path = Path::A;
	bool at_target = false; // a cable's end

	std::string story() const;
};

inline constexpr StormCounts kShortStorm{
	.flaps = 20, .kills = 5, .removals = 5, .unloads = 5, .restarts = 5};
// A sixth of the whole: 300, 60, 60, 60, 30.
inline constexpr StormCounts kStormPart{
	.flaps = 50, .kills = 10, .removals = 10, .unloads = 10, .restarts = 5};

// Ends with everything mended and settled.
std::vector<StormAction> plan_storm(std::uint32_t seed, const StormCounts &counts);

} // namespace lab
