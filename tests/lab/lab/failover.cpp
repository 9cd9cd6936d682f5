// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/failover.h"

#include <algorithm>
#include <regex>
#include <sstream>
#include <thread>

#include "lab/error.h"
#include "lab/eventually.h"
#include "lab/target.h"

namespace lab {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

static constexpr seconds kComeBack{60};

// Ends the fault whatever happens.
class Faulty {
public:
	Faulty(Lab &lab, const Fault &fault, Path path) : lab_(lab), fault_(fault), path_(path)
	{
		fault.begin(lab, path);
	}
	~Faulty()
	{
		try {
			fault_.end(lab_, path_);
		} catch (const Error &) {
			// A lost machine is booted anew, with its cables.
		}
	}

private:
	Lab &lab_;
	const Fault &fault_;
	Path path_;
};

// The module's own story of a round; Debian's has no trace events. The events are enabled before
// there is a session, and stay so: text that is changed while another CPU runs it can crash a guest
// (NOTES.md), and the events themselves would cost nothing.
class ModuleTrace {
public:
	explicit ModuleTrace(Lab &lab) : lab_(lab)
	{
		if (lab.module() != ModuleKind::ours)
			return;
		lab.initiator().output("cd /sys/kernel/tracing && echo 0 >options/record-cmd && "
				       "echo mono >trace_clock\n"
				       "for e in conn_state conn_fail conn_flushed conn_release device_event; do\n"
				       "echo 1 >events/iser/iser_$e/enable; done");
	}

	// The first line says what time it is by the trace's clock.
	void begin()
	{
		if (lab_.module() == ModuleKind::ours)
			lab_.initiator().output("cd /sys/kernel/tracing && echo >trace && "
						"echo \"epoch $(date +%s.%N)\" >trace_marker");
	}

	std::vector<Mark> marks()
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

private:
	Lab &lab_;
};

static double clock_of(Vm &vm)
{
	return std::stod(vm.output("date +%s.%N"));
}

static FailoverRound run_round(Lab &lab, ModuleTrace &trace, Multipath &multipath, const Fault &fault,
			       Path path)
{
	Vm &initiator = lab.initiator();
	FailoverRound round{.path = path};
	BackgroundIo io(initiator, multipath.device(), fault.lasts + seconds(12));

	await_io(initiator, multipath.device());
	std::this_thread::sleep_for(seconds(3));
	trace.begin();
	{
		round.begin = clock_of(initiator);
		Faulty faulty(lab, fault, path);

		std::this_thread::sleep_for(fault.lasts);
		round.end = clock_of(initiator);
	}
	const auto mended = Clock::now();
	round.both_paths_back = eventually([&] { return multipath.active_paths() == 2; }, kComeBack,
					   std::chrono::milliseconds(500));
	round.recovery = Clock::now() - mended;
	const CommandResult result = io.wait();
	round.marks = trace.marks();
	result.checked();
	round.reads = io.reads();
	round.gap = longest_gap(round.reads);
	round.slowest = slowest(round.reads);
	round.io_went_on = round.slowest < fault.lasts / 2;
	return round;
}

static void set_ack_timeout(Lab &lab, int value)
{
	if (lab.module() == ModuleKind::ours)
		lab.initiator().output(
			fmt::format("echo {} >/sys/module/ib_iser/parameters/ack_timeout", value));
}

FailoverReport fail_over(Lab &lab, const Fault &fault, const Tuning &tuning, unsigned rounds,
			 const Progress &progress)
{
	Vm &initiator = lab.initiator();
	FailoverReport report;

	try {
		ModuleTrace trace(lab);
		set_ack_timeout(lab, tuning.ack_timeout);
		Login a(initiator, kPlainTarget, portal(Path::A), tuning.node);
		Login b(initiator, kPlainTarget, portal(Path::B), tuning.node);
		Multipath multipath(initiator, a.disk(), tuning.multipath);

		for (unsigned i = 0; i < rounds; i++) {
			const Path path = i % 2 ? Path::B : Path::A;

			progress(fmt::format("round {} of {}: path {}, {}, for {} s under verified I/O", i + 1,
					     rounds, i % 2 ? "B" : "A", fault.what, fault.lasts.count()));
			report.rounds.push_back(run_round(lab, trace, multipath, fault, path));
			report.longest_gap = std::max(report.longest_gap, report.rounds.back().gap);
			report.slowest_read = std::max(report.slowest_read, report.rounds.back().slowest);
			progress(fmt::format("longest gap {:.2f} s, slowest read {:.2f} s, both paths back after {:.1f} s",
					     report.rounds.back().gap.count(),
					     report.rounds.back().slowest.count(),
					     report.rounds.back().recovery.count()));
		}
		report.io_verified = true;
		set_ack_timeout(lab, -1);
	} catch (const MachineLost &error) {
		report.lost = error.what();
	} catch (const Error &error) {
		report.io_story = error.what();
	}
	return report;
}

std::string FailoverReport::story() const
{
	std::string text;

	for (const FailoverRound &round : rounds)
		text += fmt::format("  path {}: longest gap {:.2f} s, slowest read {:.2f} s, {} ({:.1f} s)\n",
				    round.path == Path::A ? "A" : "B", round.gap.count(),
				    round.slowest.count(),
				    round.both_paths_back ? "both paths back" : "path did NOT come back",
				    round.recovery.count());
	if (!io_story.empty())
		text += "  I/O failed: " + io_story + "\n";
	if (!lost.empty())
		text += "  machine lost: " + lost + "\n";
	return text;
}

} // namespace lab
