// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The guests' disk, kernel and initramfs, and the tree they were made from. Built once per recipe
// and kept in the cache; a directory there is complete, for it gets its name last.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace lab {

using Progress = std::function<void(const std::string &)>;

class Image {
public:
	// suite: bookworm (kernel 6.1), trixie (6.12), trixie-backports (the newest) or
	// trixie-checked (6.12 with KASAN, lockdep, kmemleak: guest/checked-config).
	static Image provide(const std::string &suite, const Progress &progress);

	std::filesystem::path root() const { return directory_ / "root"; }
	std::filesystem::path disk() const { return directory_ / "disk.img"; }
	std::filesystem::path kernel() const { return root() / "boot" / ("vmlinuz-" + release_); }
	const std::string &release() const { return release_; }
	// Debian's own of that name, as its kernel's package has it: .ko, or .ko.xz.
	std::filesystem::path module(const std::string &name) const;
	// A kernel with KASAN, lockdep and kmemleak, several times slower than Debian's.
	bool checked() const { return release_.ends_with("-checked"); }

	// Makes the initramfs for one run, with this agent.
	void write_initramfs(const std::filesystem::path &path,
			     const std::filesystem::path &agent) const;

private:
	explicit Image(std::filesystem::path directory);

	std::filesystem::path directory_;
	std::string release_;
};

// The same suite with Debian's own kernel.
std::string unchecked(const std::string &suite);

// The Debian mirror that this machine's own apt uses.
std::string debian_mirror();

// Where the lab's own files are, inside the checkout.
std::filesystem::path source_directory();

} // namespace lab
