// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/instructions.h"

#include <numeric>

#include <unistd.h>

#include "lab/unix_socket.h"

namespace lab {

struct Function {
	std::string name, module;
};

// What lies between two symbols is the first one's. Cold parts count as their function.
static std::map<std::uint64_t, Function> functions(Vm &vm)
{
	std::istringstream lines(vm.output("awk 'NF == 4 && $2 ~ /[tT]/ { print $1, $3, $4 }' /proc/kallsyms"));
	std::map<std::uint64_t, Function> found;
	std::string address, name, module;

	while (lines >> address >> name >> module)
		found[std::stoull(address, nullptr, 16)] = {name.substr(0, name.find('.')),
							    module.substr(1, module.size() - 2)};
	return found;
}

static std::string read_all(const UniqueFd &fd)
{
	std::string text;
	char buffer[65536];

	for (ssize_t n; (n = read(fd.get(), buffer, sizeof(buffer))) > 0;)
		text.append(buffer, n);
	return text;
}

Instructions count_instructions(Vm &vm)
{
	const std::map<std::uint64_t, Function> known = functions(vm);
	std::istringstream blocks(read_all(connect_unix(vm.instructions(), std::chrono::seconds(5))));
	std::uint64_t address, length, executions;
	Instructions counted;

	while (blocks >> address >> length >> executions) {
		auto function = known.upper_bound(address);

		if (function == known.begin())
			continue;
		--function;
		counted[function->second.module][function->second.name] += length * executions;
	}
	return counted;
}

Instructions operator-(const Instructions &later, const Instructions &earlier)
{
	Instructions difference = later;

	for (const auto &[module, counts] : earlier)
		for (const auto &[function, count] : counts)
			difference[module][function] -= count;
	return difference;
}

std::int64_t total(const Instructions &instructions, const std::string &module)
{
	const auto found = instructions.find(module);

	if (found == instructions.end())
		return 0;
	return std::accumulate(found->second.begin(), found->second.end(), std::int64_t{0},
			       [](std::int64_t sum, const auto &function) { return sum + function.second; });
}

} // namespace lab
