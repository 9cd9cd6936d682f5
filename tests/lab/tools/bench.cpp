// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tools/bench.h"

#include <fmt/format.h>

#include "lab/fio.h"
#include "lab/initiator.h"
#include "lab/target.h"

namespace lab {

struct Load {
	const char *what, *mode, *block;
	unsigned depth;
};

static constexpr Load kLoads[] = {
	{"4 KiB random read, depth 1", "randread", "4k", 1},
	{"4 KiB random read, depth 32", "randread", "4k", 32},
	{"128 KiB read, depth 8", "read", "128k", 8},
	{"4 KiB random write, depth 1", "randwrite", "4k", 1},
	{"4 KiB random write, depth 32", "randwrite", "4k", 32},
};

static std::vector<BenchRow> compare_loads(Lab &lab, unsigned seconds_each, const Progress &progress)
{
	std::vector<BenchRow> rows;

	for (const Load &load : kLoads)
		rows.push_back({load.what});
	// The machine's own speed drifts, which this order takes out of the ratio.
	for (ModuleKind kind : {ModuleKind::stock, ModuleKind::ours, ModuleKind::ours, ModuleKind::stock}) {
		if (lab.module() != ModuleKind::none)
			lab.unload();
		lab.insert(kind);
		Login login(lab.initiator(), kPlainTarget, portal(Path::A));
		const std::string disk = login.disk();

		for (std::size_t i = 0; i < rows.size(); i++) {
			const FioFigures figures = measure(lab.initiator(), disk, kLoads[i].mode,
							   kLoads[i].block, kLoads[i].depth,
							   seconds_each);

			progress(fmt::format("{}, {}: {:.0f} IOPS, {:.1f} MiB/s, {:.0f} us", to_string(kind),
					     kLoads[i].what, figures.iops, figures.mib_per_s,
					     figures.mean_us));
			(kind == ModuleKind::ours ? rows[i].ours : rows[i].stock) += figures.iops / 2;
		}
	}
	return rows;
}

static FailoverReport pull_cables(Lab &lab, ModuleKind kind, const Progress &progress)
{
	static constexpr unsigned kRounds = 2;

	lab.unload();
	lab.insert(kind);
	return fail_over(lab, cable_at_initiator(), {}, kRounds, [&](const std::string &text) {
		progress(fmt::format("{}, {}", to_string(kind), text));
	});
}

BenchReport bench(Lab &lab, unsigned seconds_each, const Progress &progress)
{
	BenchReport report;

	report.rows = compare_loads(lab, seconds_each, progress);
	report.ours = pull_cables(lab, ModuleKind::ours, progress);
	report.stock = pull_cables(lab, ModuleKind::stock, progress);
	return report;
}

std::string table(const BenchReport &report)
{
	std::string text = fmt::format("  {:30}{:>12}{:>12}{:>8}\n", "IOPS", "ours", "stock", "ratio");

	for (const BenchRow &row : report.rows)
		text += fmt::format("  {:30}{:12.0f}{:12.0f}{:8.2f}\n", row.what, row.ours,
				    row.stock, row.ours / row.stock);
	text += "A cable pulled at the initiator for 20 s, the distribution's settings: ours\n";
	text += report.ours.story();
	text += "the same, stock\n";
	text += report.stock.story();
	return text;
}

} // namespace lab
