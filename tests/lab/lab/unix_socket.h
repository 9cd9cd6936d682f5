// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <chrono>
#include <filesystem>

#include "lab/unique_fd.h"

namespace lab {

// Connects to a stream socket, waiting for somebody to listen there. The path may be longer than a
// socket address allows.
UniqueFd connect_unix(const std::filesystem::path &path, std::chrono::milliseconds patience);

} // namespace lab
