// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The module's own story of a fault, from its trace events. Debian's module has none.
#pragma once

#include <string>
#include <vector>

#include "lab/lab.h"
#include "lab/result.h"

namespace lab {

// Something the module said in its trace.
struct Mark {
	double at; // as Completion::at
	std::string what; // "ep_connect conn=3 portal=…"
};

// How connections ended.
struct Teardowns {
	unsigned disconnects = 0, releases = 0; // how many were seen
	Seconds slowest_disconnect{};           // ep_disconnect, from entry to exit
	Seconds slowest_stop{};                 // conn_stop, from entry to exit
	Seconds slowest_release{};              // from the end of conn_stop, or of ep_disconnect if later
	unsigned unreleased = 0;                // begun and not released
	unsigned most_at_once = 0;              // connections between ep_connect and release
};

// Enables the events, which is to be done before there is a session, and leaves them so: text that is
// changed while another CPU runs it can crash a guest (UPSTREAM.md, "Code that is
// changed while it runs"), and the events cost nothing.
class ModuleTrace {
public:
	explicit ModuleTrace(Lab &lab);

	// Forgets what was.
	void begin();
	std::vector<Mark> marks();
	Teardowns teardowns();

private:
	Lab &lab_;
};

// The first mark since then that says that a connection to this address has failed, whoever found
// out; none if there is no such mark.
const Mark *first_failure(const std::vector<Mark> &marks, const std::string &address, double since);

// Seconds since 1970 by the machine's clock.
double clock_of(Vm &vm);

} // namespace lab
