// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <filesystem>
#include <string>

#include "lab/unique_fd.h"

namespace lab {

std::string read_file(const std::filesystem::path &path);
void write_file(const std::filesystem::path &path, const std::string &content);
// The old content or the new, whatever happens meanwhile.
void replace_file(const std::filesystem::path &path, const std::string &content);

// Where things are kept that are expensive to make: $XDG_CACHE_HOME/ib_iser.
std::filesystem::path cache_directory();
// What is there was made, or found to be up to date, so long ago that the mirror is asked again.
bool older_than_a_week(const std::filesystem::path &path);

// Holds a lock file for as long as it lives; waits for whoever else holds it.
class FileLock {
public:
	explicit FileLock(const std::filesystem::path &path);
	// An empty one if somebody else holds it.
	static FileLock try_lock(const std::filesystem::path &path);

	explicit operator bool() const { return static_cast<bool>(fd_); }

private:
	FileLock(const std::filesystem::path &path, int operation);

	UniqueFd fd_;
};

} // namespace lab
