// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <string>

namespace lab {

// Writes the "newc" archive that the kernel takes for an initramfs.
class CpioWriter {
public:
	void directory(const std::string &path);
	void file(const std::string &path, const std::string &content, bool executable);
	// The finished archive.
	std::string finish();

private:
	void entry(const std::string &path, unsigned mode, const std::string &content);

	std::string archive_;
	unsigned inode_ = 0;
};

} // namespace lab
