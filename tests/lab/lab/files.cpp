// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/files.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <sys/file.h>

#include "lab/error.h"

namespace lab {

namespace fs = std::filesystem;

std::string read_file(const fs::path &path)
{
	std::ifstream stream(path, std::ios::binary);
	std::ostringstream text;

	if (!stream)
		fail_errno("{}", path.string());
	text << stream.rdbuf();
	return text.str();
}

void write_file(const fs::path &path, const std::string &content)
{
	std::ofstream stream(path, std::ios::binary);

	stream << content;
	stream.close();
	if (!stream)
		fail_errno("{}", path.string());
}

void replace_file(const fs::path &path, const std::string &content)
{
	const fs::path unfinished = path.string() + ".unfinished";

	write_file(unfinished, content);
	fs::rename(unfinished, path);
}

fs::path cache_directory()
{
	const char *cache = std::getenv("XDG_CACHE_HOME");
	const char *home = std::getenv("HOME");
	const fs::path base = cache && *cache ? fs::path(cache) : fs::path(home ? home : "/root") / ".cache";

	fs::create_directories(base / "ib_iser");
	return base / "ib_iser";
}

FileLock::FileLock(const fs::path &path, int operation)
	: fd_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644))
{
	if (!fd_)
		fail_errno("{}", path.string());
	if (flock(fd_.get(), operation))
		fd_.reset();
}

FileLock::FileLock(const fs::path &path) : FileLock(path, LOCK_EX)
{
}

FileLock FileLock::try_lock(const fs::path &path)
{
	return FileLock(path, LOCK_EX | LOCK_NB);
}

bool older_than_a_week(const std::filesystem::path &path)
{
	return std::filesystem::file_time_type::clock::now() - std::filesystem::last_write_time(path) >
	       std::chrono::days(7);
}

} // namespace lab
