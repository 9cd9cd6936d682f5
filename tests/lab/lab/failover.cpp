// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/failover.h"

#include <thread>

#include "lab/error.h"
#include "lab/eventually.h"
#include "lab/undo.h"

namespace lab {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

static constexpr seconds kComeBack{60}, kAround{3};

static FailoverRound run_round(Lab &lab, ModuleTrace &trace, Multipath &multipath, const Fault &fault,
			       Path path)
{
	Vm &initiator = lab.initiator();
	FailoverRound round{.path = path};
	BackgroundIo io(initiator, multipath.device(),
			fault.lasts + fault.mending + kComeBack + 2 * kAround);

	await_io(initiator, multipath.device());
	std::this_thread::sleep_for(kAround);
	trace.begin();
	{
		round.begin = clock_of(initiator);
		Faulty faulty(lab, fault, path);

		std::this_thread::sleep_for(fault.lasts);
		round.end = clock_of(initiator);
	}
	const auto mended = Clock::now();
	round.recovered = eventually([&] { return multipath.active_paths() == 2; }, kComeBack,
				     std::chrono::milliseconds(500));
	round.recovery = Clock::now() - mended;
	std::this_thread::sleep_for(kAround);
	const CommandResult result = io.finish();
	round.marks = trace.marks();
	result.checked();
	round.reads = io.reads();
	measure_gaps(round, target_address(path));
	return round;
}

// multipathd does not set an iSCSI session's recovery_tmo to 0, but with fast_io_fail_tmo 0 it leaves
// alone what iscsid has set.
Tuning tuned()
{
	return {.node = {{"node.conn[0].timeo.noop_out_interval", "1"},
			 {"node.conn[0].timeo.noop_out_timeout", "1"},
			 {"node.session.timeo.replacement_timeout", "0"}},
		.multipath = "defaults {\n\tfast_io_fail_tmo 0\n}\n",
		.ack_timeout = 14};
}

AckTimeout::AckTimeout(Lab &lab, int value) : lab_(lab)
{
	set(value);
}

AckTimeout::~AckTimeout()
{
	undo([this] { set(-1); });
}

void AckTimeout::set(int value)
{
	if (lab_.module() == ModuleKind::ours)
		lab_.initiator().output(
			fmt::format("echo {} >/sys/module/ib_iser/parameters/ack_timeout", value));
}

FailoverReport fail_over(Lab &lab, const Fault &fault, const Tuning &tuning, unsigned rounds,
			 const Progress &progress, const Lun &disk)
{
	return report_of(lab, [&](FailoverReport &report) {
		Vm &initiator = lab.initiator();
		ModuleTrace trace(lab);
		const AckTimeout ack_timeout(lab, tuning.ack_timeout);
		Login a(initiator, disk.target, portal(Path::A), tuning.node);
		Login b(initiator, disk.target, portal(Path::B), tuning.node);
		Multipath multipath(initiator, a.disk(disk.lun), tuning.multipath);

		for (unsigned i = 0; i < rounds; i++) {
			const Path path = i % 2 ? Path::B : Path::A;

			progress(fmt::format("round {} of {}: path {}, {}, for {} s under verified I/O", i + 1,
					     rounds, i % 2 ? "B" : "A", fault.what, fault.lasts.count()));
			report.rounds.push_back(run_round(lab, trace, multipath, fault, path));
			progress(report.rounds.back().story());
		}
	});
}

} // namespace lab
