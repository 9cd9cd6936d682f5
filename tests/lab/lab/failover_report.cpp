// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/failover_report.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "lab/console.h"
#include "lab/error.h"

namespace lab {

void check_reads(const FailoverRound &round, const std::vector<Completion> &reads)
{
	if (reads.empty() || reads.front().at > round.begin || reads.back().at < round.end)
		fail("fio has logged {} reads, not all of the fault", reads.size());
}

void measure_gaps(FailoverRound &round, const std::string &address)
{
	check_reads(round, round.reads);
	const Gap at_fault = longest_wait(round.reads, round.begin, round.end);
	const Mark *failure = first_failure(round.marks, address, round.begin);

	round.gap_at_fault = at_fault.length;
	round.gap_at_end =
		longest_wait(round.reads, round.end, std::numeric_limits<double>::infinity()).length;
	if (!failure)
		return;
	round.failed_after = Seconds(failure->at - round.begin);
	if (failure->at < at_fault.until())
		round.resumed_after = Seconds(at_fault.until() - failure->at);
}

std::string FailoverRound::story() const
{
	std::string text = fmt::format("longest gap {:.2f} s", gap_at_fault.count());

	if (failed_after.count() >= 0)
		text += fmt::format(" (connection failed after {:.3f} s", failed_after.count());
	if (resumed_after.count() >= 0)
		text += fmt::format(", I/O {:.3f} s later", resumed_after.count());
	if (failed_after.count() >= 0)
		text += ")";
	if (gap_before.count() > 0)
		text += fmt::format(", {:.2f} s before", gap_before.count());
	return text + fmt::format(", {:.2f} s from the end on, {} ({:.1f} s)", gap_at_end.count(),
				  recovered ? "recovered" : "did NOT recover", recovery.count());
}

FailoverReport report_of(Lab &lab, const std::function<void(FailoverReport &)> &scenario)
{
	const ConsoleWatch console(lab.initiator().console());
	FailoverReport report;

	try {
		scenario(report);
		report.io_verified = true;
	} catch (const MachineLost &error) {
		report.lost = error.what();
	} catch (const Error &error) {
		report.io_story = error.what();
	}
	report.complaints = console.complaints();
	return report;
}

Seconds FailoverReport::longest_gap() const
{
	const auto found = std::ranges::max_element(rounds, {}, &FailoverRound::gap);

	return found == rounds.end() ? Seconds(0) : found->gap();
}

std::string FailoverReport::story() const
{
	std::string text;

	for (const FailoverRound &round : rounds)
		text += fmt::format("  path {}: {}\n", round.path == Path::A ? "A" : "B", round.story());
	if (!io_story.empty())
		text += "  I/O failed: " + io_story + "\n";
	if (!lost.empty())
		text += "  machine lost: " + lost + "\n";
	for (const std::string &line : complaints)
		text += "  console: " + line + "\n";
	return text;
}

} // namespace lab
