// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/resources.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace lab {

Resources resources(Vm &vm)
{
	Resources sum;

	for (const auto &device : nlohmann::json::parse(vm.output("rdma -j resource show"))) {
		for (const char *kind : {"mr", "qp", "pd", "cm_id", "cq"})
			sum[kind] += device.value(kind, 0);
	}
	sum["endpoint"] = std::stol(vm.output("ls /sys/class/iscsi_endpoint 2>/dev/null | wc -l"));
	sum["vmalloc"] = std::stol(vm.output("grep -c '\\[ib_iser\\]' /proc/vmallocinfo || :"));
	return sum;
}

std::string more_than(const Resources &before, const Resources &now)
{
	std::string text;

	for (const auto &[kind, count] : now) {
		const long was = before.contains(kind) ? before.at(kind) : 0;

		if (kind != "cq" && count > was)
			text += fmt::format("{}{} {} (was {})", text.empty() ? "" : ", ", kind, count, was);
	}
	return text;
}

// The kmalloc caches are where sessions, connections, slots and queues live. The
// whole slab also counts the machine's processes and kernel threads, which come and go by more than
// a leak of a page for each login. RCU delays frees: the least of a few readings is what is in use.
long slab_kib(Vm &vm)
{
	long least = std::numeric_limits<long>::max();

	for (int i = 0; i < 5; i++)
		least = std::min(least, std::stol(vm.output("sync; echo 3 >/proc/sys/vm/drop_caches\n"
							    "for s in /sys/kernel/slab/*; do\n"
							    "test -L $s || echo 1 >$s/shrink\ndone\nsleep 1\n"
							    "awk '/^kmalloc-[0-9]/ {s += $2 * $4} "
							    "END {print int(s / 1024)}' /proc/slabinfo")));
	return least;
}

} // namespace lab
