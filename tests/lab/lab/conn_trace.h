// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// When the module's connections began and ended, by its trace events.
#pragma once

#include <string>
#include <vector>

#include "lab/result.h"
#include "lab/vm.h"

namespace lab {

struct Teardowns {
	unsigned disconnects = 0, releases = 0; // how many were seen
	Seconds slowest_disconnect{};           // ep_disconnect, from entry to exit
	Seconds slowest_release{};              // from the end of conn_stop, or of ep_disconnect if later
	unsigned unreleased = 0;                // begun and not released
	unsigned most_at_once = 0;              // connections between ep_connect and release
};

// Of connections made while it lives. Comes before logins: turning events on patches the kernel.
class ConnTrace {
public:
	explicit ConnTrace(Vm &initiator);
	~ConnTrace();

	Teardowns teardowns();

private:
	Vm &initiator_;
};

} // namespace lab
