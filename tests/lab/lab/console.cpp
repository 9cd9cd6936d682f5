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

// The transport class removes a target's runtime PM state from a WQ_MEM_RECLAIM workqueue, which
// may flush one that is not: a warning of 6.12's own, whatever the transport (NOTES.md).
static bool known(const std::vector<std::string> &lines, std::size_t at)
{
	std::string trace;

	if (lines[at].find("check_flush_dependency") == std::string::npos)
		return false;
	for (std::size_t i = at; i < lines.size() && i < at + 60; i++)
		trace += lines[i];
	return trace.find("pm_runtime_remove") != std::string::npos &&
	       trace.find("__iscsi_unbind_session") != std::string::npos;
}

std::vector<std::string> ConsoleWatch::complaints() const
{
	static const std::regex pattern(
		"WARNING:|BUG:|Oops|KASAN|KCSAN|UBSAN|kernel BUG at|Kernel panic|general protection fault|"
		"possible (circular|recursive) locking|inconsistent lock state|suspicious RCU usage|"
		"refcount_t:|blocked for more than|DEBUG_LOCKS_WARN_ON|list_(add|del) corruption");
	std::istringstream stream(text());
	std::vector<std::string> lines, found;

	for (std::string line; std::getline(stream, line);)
		lines.push_back(line);
	for (std::size_t i = 0; i < lines.size(); i++) {
		if (std::regex_search(lines[i], pattern) && !known(lines, i))
			found.push_back(lines[i]);
	}
	return found;
}

} // namespace lab
