// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/footprint.h"

#include <sstream>

#include "lab/resources.h"

namespace lab {

// Lines of "KiB place". A cache counts with what is in use of it: the rest is given back when it is wanted.
static constexpr const char *kPlaces = R"(sync; echo 3 >/proc/sys/vm/drop_caches
for s in /sys/kernel/slab/*; do test -L $s || echo 1 >$s/shrink; done; sleep 0.5
awk '$1 == "MemAvailable:" { print -$2, "in all" }
	$1 == "Slab:" { print $2, "slab" }
	$1 == "PageTables:" { print $2, "page tables" }
	$1 == "Percpu:" { print $2, "per CPU" }
	$1 == "KernelStack:" { print $2, "kernel stacks" }' /proc/meminfo
awk '/pages=/ {
	owner = $NF
	for (i = 3; i <= NF; i++) {
		if ($i ~ /^pages=/) pages = substr($i, 7)
		if ($i ~ /^\[/) owner = substr($i, 2, length($i) - 2)
	}
	if (owner !~ /^[a-z_]+$/) owner = "others"
	sum[owner] += 4 * pages
} END { for (owner in sum) print sum[owner], "vmalloc", owner }' /proc/vmallocinfo
awk 'NR > 2 { print $2 * $4 / 1024, "slab", $1 }' /proc/slabinfo
awk '$1 == "VmRSS:" { sum += $2 } END { print sum, "iscsid" }' $(pgrep -x iscsid | sed 's,.*,/proc/&/status,'))";

Footprint footprint(Vm &vm)
{
	std::istringstream lines(vm.output(kPlaces));
	Footprint found;
	std::string line;
	double kib;

	while (std::getline(lines, line)) {
		std::istringstream words(line);
		std::string place;

		if (words >> kib && std::getline(words >> std::ws, place))
			found[place] += kib;
	}
	const Resources objects = resources(vm);
	for (const auto &[kind, name] :
	     {std::pair("mr", "MRs"), std::pair("qp", "QPs"), std::pair("cq", "CQs")})
		found[name] = objects.contains(kind) ? objects.at(kind) : 0;
	return found;
}

Footprint per_session(const Footprint &before, const Footprint &after, unsigned sessions)
{
	Footprint each;

	for (const auto &[place, amount] : after)
		each[place] = (amount - (before.contains(place) ? before.at(place) : 0)) / sessions;
	return each;
}

} // namespace lab
