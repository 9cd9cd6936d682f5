// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The checks of a kernel that say nothing on the console by themselves. One without them has no
// answer, which is an empty one.
#pragma once

#include <string>

#include "lab/vm.h"

namespace lab {

// What kmemleak finds nobody pointing to, and where that was allocated. Takes a minute.
std::string suspected_leaks(Vm &vm);
// "on", or "off" from lockdep's first complaint.
std::string lockdep(Vm &vm);

} // namespace lab
