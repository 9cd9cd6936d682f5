// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What a machine holds that a driver could leak.
#pragma once

#include <map>
#include <string>

#include "lab/vm.h"

namespace lab {

// RDMA objects by name ("mr", "qp", "pd", "cm_id", "cq") over all devices, "endpoint", "vmalloc": areas
// that our module has allocated, as long as it is loaded, and "map": of device-mapper, which holds disks.
using Resources = std::map<std::string, long>;

Resources resources(Vm &vm);
// "qp 3 (was 2), mr 256 (was 0)": what there is more of, pool CQs not counted. Empty if nothing.
std::string more_than(const Resources &before, const Resources &now);
// What is allocated from the kmalloc caches, in KiB, after caches were dropped and frees have settled.
long slab_kib(Vm &vm);

} // namespace lab
