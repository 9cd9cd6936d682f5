// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/console.h"

#include <algorithm>
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

// Warnings of 6.12's own that say nothing of the module.
struct KnownWarning {
	const char *heading; // UPSTREAM.md's, which proves it
	const char *line;
	std::vector<const char *> trace;
};

static const KnownWarning *known(const std::vector<std::string> &lines, std::size_t at)
{
	static const KnownWarning warnings[] = {
		{.heading = "check_flush_dependency at a logout",
		 .line = "check_flush_dependency",
		 .trace = {"pm_runtime_remove", "__iscsi_unbind_session"}},
		{.heading = "LIO warns at a Logout whose response failed",
		 .line = "iscsit_release_cmd",
		 .trace = {"ib_cq_poll_work"}},
	};
	std::string trace;

	for (std::size_t i = at; i < lines.size() && i < at + 60; i++)
		trace += lines[i];
	const auto warning = std::ranges::find_if(warnings, [&](const KnownWarning &candidate) {
		return lines[at].find(candidate.line) != std::string::npos &&
		       std::ranges::all_of(candidate.trace, [&](const char *function) {
			       return trace.find(function) != std::string::npos;
		       });
	});
	return warning == std::end(warnings) ? nullptr : warning;
}

ConsoleWatch::Findings ConsoleWatch::findings() const
{
	static const std::regex pattern(
		"WARNING:|BUG:|Oops|KASAN|KCSAN|UBSAN|kernel BUG at|Kernel panic|general protection fault|"
		"possible (circular|recursive) locking|inconsistent lock state|suspicious RCU usage|"
		"refcount_t:|blocked for more than|DEBUG_LOCKS_WARN_ON|list_(add|del) corruption|"
		"non-static key|locking correctness validator|ODEBUG:|suspected memory leaks");
	std::istringstream stream(text());
	std::vector<std::string> lines;
	Findings found;

	for (std::string line; std::getline(stream, line);)
		lines.push_back(line);
	for (std::size_t i = 0; i < lines.size(); i++) {
		if (!std::regex_search(lines[i], pattern))
			continue;
		if (const KnownWarning *warning = known(lines, i))
			found.tolerated.push_back(warning->heading);
		else
			found.complaints.push_back(lines[i]);
	}
	return found;
}

} // namespace lab
