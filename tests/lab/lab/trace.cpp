// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/trace.h"

#include <algorithm>
#include <map>
#include <regex>
#include <sstream>

namespace lab {

static constexpr const char *kEvents =
	"ep_connect ep_disconnect ep_disconnect_done conn_state conn_fail conn_flushed conn_stop "
	"conn_stop_done conn_release device_event";

ModuleTrace::ModuleTrace(Lab &lab) : lab_(lab)
{
	if (lab.module() != ModuleKind::ours)
		return;
	// Without record-cmd no event of the scheduler's is patched in as well (UPSTREAM.md, "Code that is
	// changed while it runs").
	lab.initiator().output(
		fmt::format("cd /sys/kernel/tracing && echo 0 >options/record-cmd && echo mono >trace_clock\n"
			    "for e in {}; do echo 1 >events/iser/iser_$e/enable || exit; done",
			    kEvents));
}

// The first line says what time it is by the trace's clock.
void ModuleTrace::begin()
{
	if (lab_.module() == ModuleKind::ours)
		lab_.initiator().output("cd /sys/kernel/tracing && echo >trace && "
					"echo \"epoch $(date +%s.%N)\" >trace_marker");
}

std::vector<Mark> ModuleTrace::marks()
{
	static const std::regex event(R"( ([0-9]+\.[0-9]+): (?:tracing_mark_write|iser_(\w+)): (.*))");
	std::vector<Mark> marks;
	std::istringstream lines;
	std::string line;
	double offset = 0;
	std::smatch match;

	if (lab_.module() != ModuleKind::ours)
		return marks;
	lines.str(lab_.initiator().output("cat /sys/kernel/tracing/trace"));
	while (std::getline(lines, line)) {
		if (!std::regex_search(line, match, event))
			continue;
		const double at = std::stod(match[1]);
		const std::string what = match[3];

		if (what.starts_with("epoch "))
			offset = std::stod(what.substr(6)) - at;
		else
			marks.push_back({at + offset, match[2].str() + " " + what});
	}
	return marks;
}

Teardowns ModuleTrace::teardowns()
{
	static const std::regex said(R"((\w+) conn=([0-9]+) .*)");
	struct Life {
		double disconnect = 0, stop = 0;
		double last_end = 0; // of ep_disconnect or conn_stop
	};
	std::map<unsigned, Life> lives;
	Teardowns seen;
	std::smatch match;

	for (const Mark &mark : marks()) {
		if (!std::regex_match(mark.what, match, said))
			continue;
		const std::string what = match[1];
		Life &life = lives[std::stoul(match[2])];

		if (what == "ep_connect") {
			seen.unreleased++;
			seen.most_at_once = std::max(seen.most_at_once, seen.unreleased);
		} else if (what == "ep_disconnect") {
			life.disconnect = mark.at;
		} else if (what == "ep_disconnect_done") {
			seen.disconnects++;
			seen.slowest_disconnect =
				std::max(seen.slowest_disconnect, Seconds(mark.at - life.disconnect));
			life.last_end = mark.at;
		} else if (what == "conn_stop") {
			life.stop = mark.at;
		} else if (what == "conn_stop_done") {
			seen.slowest_stop = std::max(seen.slowest_stop, Seconds(mark.at - life.stop));
			life.last_end = mark.at;
		} else if (what == "conn_release") {
			seen.releases++;
			seen.unreleased--;
			// A removed device is released before iscsid has heard of it.
			if (life.last_end)
				seen.slowest_release =
					std::max(seen.slowest_release, Seconds(mark.at - life.last_end));
		}
	}
	return seen;
}

// The module itself says conn_fail; a ping that libiscsi missed shows when iscsid disconnects.
const Mark *first_failure(const std::vector<Mark> &marks, const std::string &address, double since)
{
	const auto found = std::ranges::find_if(marks, [&](const Mark &mark) {
		return mark.at >= since && mark.what.find("portal=" + address + ":") != std::string::npos &&
		       (mark.what.starts_with("conn_fail ") ||
			mark.what.find(" to=TERMINATING") != std::string::npos);
	});

	return found == marks.end() ? nullptr : &*found;
}

double clock_of(Vm &vm)
{
	return std::stod(vm.output("date +%s.%N"));
}

} // namespace lab
