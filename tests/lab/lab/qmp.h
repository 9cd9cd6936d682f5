// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// QEMU's machine protocol: pull a cable, freeze or kill a machine.
#pragma once

#include <filesystem>
#include <mutex>
#include <string>

#include <nlohmann/json.hpp>

#include "lab/unique_fd.h"

namespace lab {

class Qmp {
public:
	explicit Qmp(const std::filesystem::path &socket);

	// Returns what QEMU returned; throws what it complained about.
	nlohmann::json execute(const std::string &command,
			       const nlohmann::json &arguments = nlohmann::json::object());

private:
	nlohmann::json read_message();

	UniqueFd fd_;
	std::string received_;
	std::mutex mutex_;
};

} // namespace lab
