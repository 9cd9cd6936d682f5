// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <filesystem>
#include <string>

#include "lab/lab.h"

namespace lab {

// `make failover`: each way in which a path dies, with both modules in the same machines, against
// the bounds that ours has to keep; a picture for each into `pictures`. Returns the exit status.
int compare_failovers(Lab &lab, unsigned rounds, const std::string &only,
		      const std::filesystem::path &pictures, const Progress &progress);

} // namespace lab
