// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/kernel_checks.h"

namespace lab {

// One scan believes an object that has just changed, or is younger than five seconds.
std::string suspected_leaks(Vm &vm)
{
	return vm.output(R"(cd /sys/kernel/debug
test -e kmemleak || exit 0
sleep 6
echo scan >kmemleak
sleep 6
echo scan >kmemleak
cat kmemleak)",
			 std::chrono::minutes(10));
}

std::string lockdep(Vm &vm)
{
	return vm.output("test ! -e /proc/lockdep_stats ||\n"
			 "awk '$1 == \"debug_locks:\" {print $2 ? \"on\" : \"off\"}' /proc/lockdep_stats");
}

} // namespace lab
