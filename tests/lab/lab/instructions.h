// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Instructions that a machine has executed in its kernel's modules, counted by a plugin of QEMU's: exact
// with one CPU, and the same in every run.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "lab/vm.h"

namespace lab {

// By module, then by function.
using Instructions = std::map<std::string, std::map<std::string, std::int64_t>>;

// Since the machine was booted, with VmConfig::count_instructions.
Instructions count_instructions(Vm &vm);
Instructions operator-(const Instructions &later, const Instructions &earlier);
std::int64_t total(const Instructions &instructions, const std::string &module);

} // namespace lab
