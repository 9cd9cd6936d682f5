// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/failover.h"

#include <algorithm>
#include <thread>

#include "lab/error.h"
#include "lab/eventually.h"
#include "lab/fio.h"
#include "lab/initiator.h"
#include "lab/target.h"

namespace lab {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

static constexpr seconds kCableOut{20};
static constexpr seconds kComeBack{60};

// Plugs the cable in again whatever happens.
class CableOut {
public:
	CableOut(Vm &vm, Path path) : vm_(vm), path_(path) { set(false); }
	~CableOut()
	{
		try {
			set(true);
		} catch (const Error &) {
			// A lost machine is booted anew, with its cables.
		}
	}

private:
	void set(bool plugged) { vm_.set_cable(static_cast<unsigned>(path_), plugged); }

	Vm &vm_;
	Path path_;
};

static FailoverRound run_round(Vm &initiator, Multipath &multipath, Path path)
{
	FailoverRound round{.pulled = path};
	BackgroundIo io(initiator, multipath.device(), kCableOut + seconds(12));

	await_io(initiator, multipath.device());
	std::this_thread::sleep_for(seconds(3));
	{
		CableOut out(initiator, path);

		std::this_thread::sleep_for(kCableOut);
	}
	const auto plugged = Clock::now();
	round.both_paths_back = eventually([&] { return multipath.active_paths() == 2; }, kComeBack,
					   std::chrono::milliseconds(500));
	round.recovery = Clock::now() - plugged;
	const CommandResult result = io.wait();
	result.checked();
	round.gap = io.longest_gap();
	round.slowest = io.slowest_read();
	round.io_went_on = round.slowest < kCableOut / 2;
	return round;
}

FailoverReport pull_cables(Lab &lab, unsigned rounds, const Progress &progress)
{
	Vm &initiator = lab.initiator();
	FailoverReport report;

	try {
		Login a(initiator, kPlainTarget, portal(Path::A));
		Login b(initiator, kPlainTarget, portal(Path::B));
		Multipath multipath(initiator, a.disk());

		for (unsigned i = 0; i < rounds; i++) {
			const Path path = i % 2 ? Path::B : Path::A;

			progress(fmt::format("round {} of {}: cable of path {} out for {} s under verified I/O",
					     i + 1, rounds, i % 2 ? "B" : "A", kCableOut.count()));
			report.rounds.push_back(run_round(initiator, multipath, path));
			report.longest_gap = std::max(report.longest_gap, report.rounds.back().gap);
			report.slowest_read = std::max(report.slowest_read, report.rounds.back().slowest);
			progress(fmt::format("longest gap {:.2f} s, slowest read {:.2f} s, both paths back {:.1f} s after plugging in",
					     report.rounds.back().gap.count(),
					     report.rounds.back().slowest.count(),
					     report.rounds.back().recovery.count()));
		}
		report.io_verified = true;
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
		text += fmt::format("  path {} pulled: longest gap {:.2f} s, slowest read {:.2f} s, {} ({:.1f} s)\n",
				    round.pulled == Path::A ? "A" : "B", round.gap.count(),
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
