// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/cpio.h"

#include <fmt/format.h>

namespace lab {

static constexpr unsigned kDirectory = 0040755, kFile = 0100644, kProgram = 0100755;

static void pad(std::string &text)
{
	text.append((4 - text.size() % 4) % 4, '\0');
}

void CpioWriter::entry(const std::string &path, unsigned mode, const std::string &content)
{
	// magic, inode, mode, uid, gid, nlink, mtime, size, 4 device numbers, name length, checksum
	archive_ += fmt::format("070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}"
				"{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}",
				++inode_, mode, 0, 0, 1, 0, content.size(), 0, 0, 0, 0,
				path.size() + 1, 0);
	archive_ += path + '\0';
	pad(archive_);
	archive_ += content;
	pad(archive_);
}

void CpioWriter::directory(const std::string &path)
{
	entry(path, kDirectory, "");
}

void CpioWriter::file(const std::string &path, const std::string &content, bool executable)
{
	entry(path, executable ? kProgram : kFile, content);
}

std::string CpioWriter::finish()
{
	entry("TRAILER!!!", 0, "");
	return std::move(archive_);
}

} // namespace lab
