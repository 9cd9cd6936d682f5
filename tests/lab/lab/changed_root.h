// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// An image's root file system to change at will, by programs that are run in it: the image stays as it
// is. What has changed lies in a directory; what is mounted goes with each program, even if that is killed.
#pragma once

#include <filesystem>
#include <string>

#include "lab/image.h"
#include "lab/result.h"

namespace lab {

class ChangedRoot {
public:
	// Begins with nothing changed.
	ChangedRoot(const Image &image, std::filesystem::path directory);

	// A command of its shell, with this machine's way to the mirror.
	CommandResult run(const std::string &command);
	// run(), but failing throws.
	std::string output(const std::string &command);
	// All of it as a disk: an ext4 file system.
	void make_disk(const std::filesystem::path &file, const std::string &size);
	// A file of the root's, or one to be made, that differs from the image's.
	std::filesystem::path changed(const std::filesystem::path &path) const;

private:
	std::filesystem::path image_root_, directory_;
};

} // namespace lab
