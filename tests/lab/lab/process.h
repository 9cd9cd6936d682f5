// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// A program on the host, started from an argument vector without a shell.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "lab/result.h"

namespace lab {

struct RunOptions {
	std::filesystem::path directory{};                  // to run in; empty: ours
	std::string input{};                                // for standard input
	std::chrono::milliseconds timeout{std::chrono::minutes(10)};
	std::function<void(std::string_view)> on_output{};  // sees both streams as they come
};

// Runs it to its end and collects both streams; past the timeout its group is killed.
CommandResult run_process(const std::vector<std::string> &argv, const RunOptions &options = {});

// A long-running program with its output in a file. An owned one dies with the *thread* that
// started it and with this object; a detached one outlives both.
class Process {
public:
	enum class Lifetime { owned, detached };

	Process() = default;
	Process(const std::vector<std::string> &argv, const std::filesystem::path &directory,
		const std::filesystem::path &log, Lifetime lifetime);
	Process(Process &&other) noexcept;
	Process &operator=(Process &&other) noexcept;
	~Process();

	bool running();
	// SIGTERM, five seconds of patience, SIGKILL; reaps.
	void terminate() noexcept;

private:
	bool reaped_within(std::chrono::milliseconds patience) noexcept;

	pid_t pid_ = -1;
	Lifetime lifetime_ = Lifetime::owned;
};

} // namespace lab
