// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tools/bench.h"

#include <fmt/format.h>

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

std::vector<BenchRow> bench(Lab &lab, unsigned seconds_each, const Progress &progress)
{
	std::vector<BenchRow> rows;

	for (const Load &load : kLoads)
		rows.push_back({load.what, {}, {}});
	for (ModuleKind kind : {ModuleKind::stock, ModuleKind::ours}) {
		lab.remove_module();
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
			(kind == ModuleKind::ours ? rows[i].ours : rows[i].stock) = figures;
		}
	}
	return rows;
}

std::string table(const std::vector<BenchRow> &rows)
{
	std::string text = fmt::format("  {:30}{:>12}{:>12}{:>8}\n", "IOPS", "ours", "stock", "ratio");

	for (const BenchRow &row : rows)
		text += fmt::format("  {:30}{:12.0f}{:12.0f}{:8.2f}\n", row.what, row.ours.iops,
				    row.stock.iops, row.ours.iops / row.stock.iops);
	return text;
}

} // namespace lab
