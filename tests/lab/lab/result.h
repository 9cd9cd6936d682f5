// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What became of a command, and enough of its story to print when it is not what was wanted.
#pragma once

#include <chrono>
#include <optional>
#include <ostream>
#include <string>

namespace lab {

using Seconds = std::chrono::duration<double>;

struct CommandResult {
	std::string machine;
	std::string command;
	int status = -1; // exit status, or 128 + signal
	bool timed_out = false;
	std::string out, err;
	Seconds duration{};

	bool ok() const { return status == 0 && !timed_out; }
	std::string both() const { return out + err; }
	std::string story() const;
	// Throws the story if the command failed.
	const CommandResult &checked() const;
};

// What a command of this thread's has come to last, for those who wait for something and are asked what
// they have seen.
std::optional<CommandResult> &last_command();

void PrintTo(const CommandResult &result, std::ostream *os);

std::string trimmed(const std::string &text);
std::string last_lines(const std::string &text, unsigned count);

} // namespace lab
