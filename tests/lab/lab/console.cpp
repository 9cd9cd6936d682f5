// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/console.h"

#include <regex>
#include <sstream>

#include "lab/files.h"

namespace lab {

ConsoleWatch::ConsoleWatch(std::filesystem::path log)
	: log_(std::move(log)), start_(std::filesystem::file_size(log_))
{
}

std::string ConsoleWatch::text() const
{
	const std::string all = read_file(log_);

	return all.size() > start_ ? all.substr(start_) : "";
}

std::vector<std::string> ConsoleWatch::complaints() const
{
	static const std::regex pattern(
		"WARNING:|BUG:|Oops|KASAN|KCSAN|UBSAN|kernel BUG at|Kernel panic|general protection fault|"
		"possible (circular|recursive) locking|inconsistent lock state|suspicious RCU usage|"
		"refcount_t:|blocked for more than|DEBUG_LOCKS_WARN_ON|list_(add|del) corruption");
	std::istringstream lines(text());
	std::vector<std::string> found;
	std::string line;

	while (std::getline(lines, line)) {
		if (std::regex_search(line, pattern))
			found.push_back(line);
	}
	return found;
}

} // namespace lab
