// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tools/comparison.h"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>

#include "lab/failover.h"
#include "lab/files.h"
#include "tools/picture.h"

namespace lab {

struct Case {
	const char *name; // of the picture
	Fault fault;
	Tuning tuning;
	double bound; // seconds, for our module's longest gap
};

static std::vector<Case> cases()
{
	Tuning ack_only;

	ack_only.ack_timeout = tuned().ack_timeout;
	return {
		{"initiator-tuned", cable_at_initiator(), tuned(), 0.5},
		{"target-tuned", cable_at_target(), tuned(), 1},
		{"no-iscsid-tuned", cable_at_target_without_iscsid(), tuned(), 1},
		{"initiator-defaults", cable_at_initiator(), {}, 6},
		{"target-defaults", cable_at_target(), ack_only, 7},
		{"device-deleted-tuned", device_deleted(), tuned(), 0.5},
	};
}

static const FailoverRound *worst(const FailoverReport &report)
{
	const auto found = std::ranges::max_element(report.rounds, {}, &FailoverRound::gap);

	return found == report.rounds.end() ? nullptr : &*found;
}

static bool kept(const Case &fault, const FailoverReport &report, unsigned rounds)
{
	return report.io_verified && report.rounds.size() == rounds &&
	       report.longest_gap.count() < fault.bound &&
	       std::ranges::all_of(report.rounds, &FailoverRound::both_paths_back);
}

static std::string figure(const FailoverReport &report)
{
	std::string text = report.rounds.empty() ? "-" : fmt::format("{:.2f} s", report.longest_gap.count());

	if (!std::ranges::all_of(report.rounds, &FailoverRound::both_paths_back))
		text += ", path lost";
	return text + (report.lost.empty() ? report.io_story.empty() ? "" : ", I/O error" : ", machine lost");
}

int compare_failovers(Lab &lab, unsigned rounds, const std::string &only,
		      const std::filesystem::path &pictures, const Progress &progress)
{
	std::string table = fmt::format("  {:24}{:>26}{:>22}{:>9}\n", "longest gap in I/O", "stock", "ours",
					"bound");
	int broken = 0;

	std::filesystem::create_directories(pictures);
	for (const Case &fault : cases()) {
		FailoverReport reports[2];

		if (!only.empty() && only != fault.name)
			continue;
		for (ModuleKind kind : {ModuleKind::ours, ModuleKind::stock}) {
			FailoverReport &report = reports[kind == ModuleKind::stock];

			if (lab.module() != ModuleKind::none)
				lab.unload();
			lab.insert(kind);
			report = fail_over(lab, fault.fault, fault.tuning, rounds, [&](const std::string &text) {
				progress(fmt::format("{}, {}: {}", fault.name, to_string(kind), text));
			});
			progress(fmt::format("{}, {}:\n{}", fault.name, to_string(kind), report.story()));
		}
		const bool good = kept(fault, reports[0], rounds);

		broken += !good;
		table += fmt::format("  {:24}{:>26}{:>22}{:>7.1f} s{}\n", fault.name, figure(reports[1]),
				     figure(reports[0]), fault.bound, good ? "" : "  NOT KEPT");
		if (worst(reports[0]) && worst(reports[1]))
			write_file(pictures / fmt::format("{}.svg", fault.name),
				   draw(fmt::format("{} ({})", fault.fault.what, fault.name), *worst(reports[0]),
					*worst(reports[1])));
	}
	std::cout << table << "  pictures: " << pictures.string() << "/*.svg" << std::endl;
	return broken ? 1 : 0;
}

} // namespace lab
