// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/conn_trace.h"

#include <algorithm>
#include <map>
#include <regex>
#include <sstream>

#include <fmt/format.h>

#include "lab/error.h"

namespace lab {

static constexpr const char *kTrace = "/sys/kernel/tracing";
static constexpr const char *kEvents =
	"ep_connect ep_disconnect ep_disconnect_done conn_stop_done conn_release";

// Without record-cmd no event of the scheduler's is patched in as well (NOTES.md).
ConnTrace::ConnTrace(Vm &initiator) : initiator_(initiator)
{
	initiator.output(fmt::format("cd {} && echo 0 >options/record-cmd && echo mono >trace_clock\n"
				     "for e in {}; do echo 1 >events/iser/iser_$e/enable || exit; done\n"
				     "echo >trace",
				     kTrace, kEvents));
}

ConnTrace::~ConnTrace()
{
	try {
		initiator_.run(fmt::format("cd {} && echo 0 >events/enable; echo >trace", kTrace));
	} catch (const Error &) {
		// A lost machine is booted anew.
	}
}

struct Life {
	double disconnect = 0, last_end = 0; // of ep_disconnect or conn_stop
};

Teardowns ConnTrace::teardowns()
{
	static const std::regex event(R"( ([0-9]+\.[0-9]+): iser_(\w+): conn=([0-9]+) )");
	std::istringstream lines(initiator_.output(fmt::format("cat {}/trace", kTrace)));
	std::map<unsigned, Life> lives;
	Teardowns seen;
	std::string line;
	std::smatch match;

	while (std::getline(lines, line)) {
		if (!std::regex_search(line, match, event))
			continue;
		const double at = std::stod(match[1]);
		const std::string what = match[2];
		Life &life = lives[std::stoul(match[3])];

		if (what == "ep_connect") {
			seen.unreleased++;
			seen.most_at_once = std::max(seen.most_at_once, seen.unreleased);
		} else if (what == "ep_disconnect") {
			life.disconnect = at;
		} else if (what == "ep_disconnect_done") {
			seen.disconnects++;
			seen.slowest_disconnect =
				std::max(seen.slowest_disconnect, Seconds(at - life.disconnect));
			life.last_end = at;
		} else if (what == "conn_stop_done") {
			life.last_end = at;
		} else {
			seen.releases++;
			seen.unreleased--;
			// A removed device is released before iscsid has heard of it.
			if (life.last_end)
				seen.slowest_release =
					std::max(seen.slowest_release, Seconds(at - life.last_end));
		}
	}
	return seen;
}

} // namespace lab
