// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/instructions.h"

#include <sstream>

#include <unistd.h>

#include "lab/unix_socket.h"

namespace lab {

static Cost &operator+=(Cost &sum, const Cost &part)
{
	sum.instructions += part.instructions;
	sum.atomics += part.atomics;
	sum.locks += part.locks;
	sum.calls += part.calls;
	return sum;
}

static Cost &operator-=(Cost &difference, const Cost &part)
{
	return difference += {-part.instructions, -part.atomics, -part.locks, -part.calls};
}

Costs operator-(const Costs &later, const Costs &earlier)
{
	Costs difference = later;

	for (const auto &[module, functions] : earlier)
		for (const auto &[function, cost] : functions)
			difference[module][function] -= cost;
	return difference;
}

Cost cost_of(const Costs &costs, const std::string &module, const std::string &function)
{
	const auto functions = costs.find(module);

	if (functions == costs.end() || !functions->second.contains(function))
		return {};
	return functions->second.at(function);
}

Cost total(const Costs &costs, const std::string &module)
{
	const auto functions = costs.find(module);
	Cost sum;

	if (functions != costs.end())
		for (const auto &[function, cost] : functions->second)
			sum += cost;
	return sum;
}

// Lines of "address name [module]"; of the kernel's own functions those that take a lock.
CostMeter::CostMeter(Vm &vm) : vm_(vm)
{
	std::istringstream lines(vm.output("awk 'NF == 4 && $2 ~ /[tT]/ { print $1, $3, $4 }\n"
					   "NF == 3 && $3 ~ /^(_raw_(spin|read|write)|mutex)_(try)?lock/ "
					   "{ print $1, $3, \"-\" }' /proc/kallsyms"));
	std::string address, symbol, module;

	while (lines >> address >> symbol >> module) {
		const std::uint64_t place = std::stoull(address, nullptr, 16);
		const auto dot = symbol.find('.');

		if (module == "-")
			locks_[place] = symbol;
		else
			functions_[place] = {symbol.substr(0, dot), module.substr(1, module.size() - 2),
					     dot == symbol.npos || symbol.find(".constprop") == dot ||
						     symbol.find(".isra") == dot};
	}
}

static std::string read_all(const UniqueFd &fd)
{
	std::string text;
	char buffer[65536];

	for (ssize_t n; (n = ::read(fd.get(), buffer, sizeof(buffer))) > 0;)
		text.append(buffer, n);
	return text;
}

Costs CostMeter::read() const
{
	std::istringstream blocks(read_all(connect_unix(vm_.instructions(), std::chrono::seconds(5))));
	std::int64_t instructions, atomics, executions;
	std::uint64_t address, callee;
	Costs costs;

	while (blocks >> address >> instructions >> atomics >> callee >> executions) {
		auto next = functions_.upper_bound(address);

		if (next == functions_.begin())
			continue;
		const auto &[begin, function] = *std::prev(next);
		costs[function.module][function.name] +=
			{instructions * executions, atomics * executions,
			 locks_.contains(callee) ? executions : 0,
			 function.entry && begin == address ? executions : 0};
		if (const auto called = functions_.find(callee); called != functions_.end())
			costs[function.module][function.name + " > " + called->second.name].calls +=
				executions;
	}
	return costs;
}

} // namespace lab
