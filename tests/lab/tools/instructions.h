// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What an I/O costs, counted exactly: instructions by module and function, atomic ones among them, locks
// taken, and what the RDMA device is asked for. The labs must count instructions.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "lab/lab.h"
#include "tools/bars.h"

namespace lab {

// Of each transport and load, and of a login, a reconnect and a logout.
nlohmann::json measure_costs(Lab &lab, const Progress &progress);
// As Markdown.
std::string cost_tables(const nlohmann::json &costs);
BarPanel instructions_panel(const nlohmann::json &costs);

// Counts this checkout's module anew, under few loads, and compares with the saved file: returns 1 if
// anything has grown by more than a fiftieth. Each row is printed, and a last line of "N passed, N failed".
int check_costs(Lab &lab, const std::filesystem::path &saved, const Progress &progress);
void renew_costs(Lab &lab, const std::filesystem::path &saved, const Progress &progress);

} // namespace lab
