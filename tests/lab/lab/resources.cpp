// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/resources.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <sstream>

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
	sum["map"] = std::stol(vm.output("ls /sys/block | grep -c '^dm-' || :"));
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
// a leak of a page for each login. A processor's current slab counts as full, up to 32 KiB in each
// cache, and RCU delays frees: of a few readings, the least of each cache is what is in use.
long slab_kib(Vm &vm)
{
	std::map<std::string, long> least;

	for (int i = 0; i < 8; i++) {
		std::istringstream caches(vm.output("sync; echo 3 >/proc/sys/vm/drop_caches\n"
						    "for s in /sys/kernel/slab/*; do\n"
						    "test -L $s || echo 1 >$s/shrink\ndone\nsleep 1\n"
						    "awk '/^kmalloc-[0-9]/ {print $1, $2 * $4}' /proc/slabinfo"));
		std::string cache;
		long bytes = 0;

		while (caches >> cache >> bytes) {
			const auto known = least.try_emplace(cache, bytes).first;

			known->second = std::min(known->second, bytes);
		}
	}
	return std::transform_reduce(least.begin(), least.end(), 0L, std::plus<>{},
				     [](const auto &cache) { return cache.second; }) /
	       1024;
}

} // namespace lab
