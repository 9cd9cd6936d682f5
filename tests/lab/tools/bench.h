// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "lab/lab.h"
#include "tools/bars.h"

namespace lab {

// IOPS and latencies of each transport, in rounds, and elevators: of a machine that serves itself.
nlohmann::json measure_io(Lab &lab, const Progress &progress);
// What depends on time and memory, on two CPUs: logins and logouts, crowds of sessions, several sessions to one
// disk, and what the machines can do without storage.
nlohmann::json measure_times(Lab &lab, const Progress &progress);
// As Markdown. An emulated CPU's figures say little by themselves, so that IOPS and latencies are ratios to
// stock's of the same round.
std::string time_tables(const nlohmann::json &times);
BarPanel iops_panel(const nlohmann::json &times);

} // namespace lab
