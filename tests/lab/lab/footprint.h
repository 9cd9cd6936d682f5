// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Where the memory of a machine's sessions lies.
#pragma once

#include <map>
#include <string>

#include "lab/vm.h"

namespace lab {

// KiB by place: "in all" is what is not available any more; "slab", "page tables", "per CPU" and "kernel
// stacks" are the kernel's own sums; "vmalloc rdma_rxe" is what this module has there, "slab kmalloc-512"
// what lies in this cache; "iscsid" is its process. And counts of RDMA objects: "MRs", "QPs", "CQs".
using Footprint = std::map<std::string, double>;

Footprint footprint(Vm &vm);
// What `sessions` sessions have added, for each of them.
Footprint per_session(const Footprint &before, const Footprint &after, unsigned sessions);

} // namespace lab
