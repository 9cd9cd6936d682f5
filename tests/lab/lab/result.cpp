// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/result.h"

#include "lab/error.h"

namespace lab {

std::optional<CommandResult> &last_command()
{
	static thread_local std::optional<CommandResult> last;

	return last;
}

std::string trimmed(const std::string &text)
{
	const auto first = text.find_first_not_of(" \t\r\n");
	const auto last = text.find_last_not_of(" \t\r\n");

	return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

std::string last_lines(const std::string &text, unsigned count)
{
	std::size_t start = text.size();

	if (start && text.back() == '\n')
		start--;
	while (start && count) {
		start = text.rfind('\n', start - 1);
		if (start == std::string::npos)
			return text;
		if (!--count)
			return text.substr(start + 1);
	}
	return text;
}

static std::string indented(const char *label, const std::string &text)
{
	if (trimmed(text).empty())
		return "";
	std::string result = fmt::format("  {}: ", label);
	for (char c : trimmed(last_lines(text, 40)))
		result += c == '\n' ? "\n          " : std::string(1, c);
	return result + "\n";
}

// A script is known by how it begins; its stderr says where it ended.
static std::string first_lines(const std::string &text, unsigned count)
{
	std::size_t end = 0;

	while (count-- && end != std::string::npos)
		end = text.find('\n', end + 1);
	return end == std::string::npos ? text : text.substr(0, end) + "\n...";
}

std::string CommandResult::story() const
{
	return fmt::format("{}$ {}\n  {}exit {} after {:.1f} s\n", machine, first_lines(command, 4),
			   timed_out ? "timed out, " : "", status, duration.count()) +
	       indented("stdout", out) + indented("stderr", err);
}

const CommandResult &CommandResult::checked() const
{
	if (!ok())
		throw Error(story());
	return *this;
}

void PrintTo(const CommandResult &result, std::ostream *os)
{
	*os << result.story();
}

} // namespace lab
