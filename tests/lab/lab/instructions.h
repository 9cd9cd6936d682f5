// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What a machine has executed in its kernel's modules, counted by a plugin of QEMU's: exact with one CPU, and
// the same in every run.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "lab/vm.h"

namespace lab {

struct Cost {
	std::int64_t instructions = 0;
	std::int64_t atomics = 0; // of these, those that read, modify and write with the bus locked
	std::int64_t locks = 0;	  // calls of a function of the kernel's that takes a lock
	std::int64_t calls = 0;	  // of the function itself
};

// By module, then by function; "caller > callee" has only calls, those that one of the module's functions
// makes to one of any module's.
using Costs = std::map<std::string, std::map<std::string, Cost>>;

Costs operator-(const Costs &later, const Costs &earlier);
// A function that was never executed costs nothing.
Cost cost_of(const Costs &costs, const std::string &module, const std::string &function);
Cost total(const Costs &costs, const std::string &module);

class CostMeter {
public:
	// Of a machine that has VmConfig::count_instructions. It reads where the functions are: to be made
	// anew when a module has been loaded.
	explicit CostMeter(Vm &vm);

	// Since the boot.
	Costs read() const;

private:
	struct Function {
		std::string name, module;
		bool entry; // where it is called, and not a part that the compiler has moved away
	};

	Vm &vm_;
	std::map<std::uint64_t, Function> functions_; // what lies between two is the first one's
	std::map<std::uint64_t, std::string> locks_;
};

} // namespace lab
