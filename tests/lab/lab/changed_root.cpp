// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/changed_root.h"

#include "lab/process.h"

namespace lab {

namespace fs = std::filesystem;

// Arguments: the image's root, the directory, the command.
static constexpr const char *kEnter = R"(set -e
mount -t overlay -o "lowerdir=$1,upperdir=$2/changed,workdir=$2/work" overlay "$2/root"
mount -t proc proc "$2/root/proc"
mount --rbind /dev "$2/root/dev"
exec chroot "$2/root" sh -c "$3")";
// The image's root, the directory, the file, its size.
static constexpr const char *kMakeDisk = R"(set -e
mount -t overlay -o "lowerdir=$1,upperdir=$2/changed,workdir=$2/work" overlay "$2/root"
mke2fs -q -t ext4 -d "$2/root" "$3" "$4")";

ChangedRoot::ChangedRoot(const Image &image, fs::path directory)
	: image_root_(image.root()), directory_(std::move(directory))
{
	fs::remove_all(directory_);
	for (const char *part : {"changed", "work", "root"})
		fs::create_directories(directory_ / part);
	fs::create_directories(changed("etc/apt"));
	run_process({"sh", "-c", R"(cp -L /etc/resolv.conf /etc/hosts "$1"; cp -a /etc/apt/apt.conf* "$1/apt"
mkdir -p "$1/ssl"; cp -a /etc/ssl/certs "$1/ssl")", "sh", changed("etc")});
}

CommandResult ChangedRoot::run(const std::string &command)
{
	return run_process({"unshare", "--mount", "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "sh", "-c",
			    kEnter, "sh", image_root_, directory_, command});
}

std::string ChangedRoot::output(const std::string &command)
{
	return trimmed(run(command).checked().out);
}

void ChangedRoot::make_disk(const fs::path &file, const std::string &size)
{
	fs::remove(file);
	run_process({"unshare", "--mount", "sh", "-c", kMakeDisk, "sh", image_root_, directory_, file, size}).checked();
}

fs::path ChangedRoot::changed(const fs::path &path) const
{
	return directory_ / "changed" / path;
}

} // namespace lab
