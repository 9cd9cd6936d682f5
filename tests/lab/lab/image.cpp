// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/image.h"

#include <chrono>
#include <regex>
#include <set>
#include <sstream>
#include <vector>

#include "lab/cpio.h"
#include "lab/error.h"
#include "lab/files.h"
#include "lab/process.h"

namespace lab {

namespace fs = std::filesystem;

static constexpr const char *kDiskSize = "4G";
static constexpr const char *kMend = "../mend";
static constexpr const char *kFixModules = "guest/fix-modules", *kRxePatch = "guest/rxe-retry.patch",
			    *kLoginPatch = "guest/isert-login.patch", *kRefusalPatch = "guest/isert-refusal.patch";
static constexpr const char *kCheckedKernel = "guest/checked-kernel",
			    *kCheckedConfig = "guest/checked-config",
			    *kLockdepPatch = "guest/rxe-lockdep.patch";

fs::path source_directory()
{
	return LAB_SOURCE_DIR;
}

static std::string host_codename()
{
	return trimmed(run_process({"sh", "-c", ". /etc/os-release && echo $VERSION_CODENAME"})
			       .checked()
			       .out);
}

std::string debian_mirror()
{
	const std::string codename = host_codename();
	std::istringstream lines(run_process({"apt-get", "indextargets", "--no-release-info",
					      "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
					      "Created-By: Packages"})
					 .checked()
					 .out);
	std::string uri, release, component;

	while (lines >> uri >> release >> component) {
		if (release == codename && component == "main")
			return uri;
	}
	fail("apt knows no mirror of Debian {}: the lab's image is made from the one this machine uses",
	     codename);
}

static std::string without(const std::string &text, const std::string &suffix)
{
	const auto at = text.rfind(suffix);

	return at == std::string::npos ? text : text.substr(0, at);
}

static bool is_checked(const std::string &suite)
{
	return suite != unchecked(suite);
}

std::string unchecked(const std::string &suite)
{
	return without(suite, "-checked");
}

// A kernel of our own comes from the hook instead.
static std::string package_list(bool with_kernel)
{
	std::istringstream lines(read_file(source_directory() / "guest/packages"));
	std::string line, list;

	while (std::getline(lines, line)) {
		if (!line.empty() && line[0] != '#' && (with_kernel || !line.starts_with("linux-")))
			list += (list.empty() ? "" : ",") + line;
	}
	return list;
}

// What makes or mends the kernel, and what it reads; the first is run.
static std::vector<const char *> hook(const std::string &suite)
{
	if (is_checked(suite))
		return {kCheckedKernel, kCheckedConfig, kMend, kRxePatch, kLockdepPatch};
	return {kFixModules, kMend, kRxePatch, kLoginPatch, kRefusalPatch};
}

// What decides what the image holds, but for the mirror and the hook's own words.
static std::vector<std::string> recipe(const std::string &suite)
{
	std::vector<std::string> words{"mmdebstrap", "--mode=root", "--variant=minbase",
				       "--include=" + package_list(!is_checked(suite))};

	for (const char *unread : {"man", "doc", "locale", "info"})
		words.push_back(fmt::format("--dpkgopt=path-exclude=/usr/share/{}/*", unread));
	words.push_back("--customize-hook=" + (source_directory() / hook(suite)[0]).string() + " \"$1\"");
	// No symlinks, and no hook that would build the initramfs we have no use for.
	words.push_back("--essential-hook=echo do_symlinks=no >\"$1/etc/kernel-img.conf\"");
	if (suite.ends_with("-backports"))
		words.push_back(fmt::format("--setup-hook=mkdir -p \"$1/etc/apt/preferences.d\"; printf 'Package: linux-*\\nPin: release "
					    "n={}\\nPin-Priority: 900\\n' "
					    ">\"$1/etc/apt/preferences.d/kernel\"",
					    suite));
	return words;
}

static std::string hash(std::vector<std::string> words, const std::string &suite)
{
	std::uint64_t value = 0xcbf29ce484222325; // FNV-1a

	// A hook is what it does, wherever the checkout lies.
	std::erase_if(words, [&](const std::string &word) {
		return word.find(hook(suite)[0]) != word.npos;
	});
	for (const char *file : hook(suite))
		words.push_back(read_file(source_directory() / file));
	for (const std::string &word : words) {
		for (unsigned char c : word + kDiskSize + suite)
			value = (value ^ c) * 0x100000001b3;
	}
	return fmt::format("{:016x}", value);
}

// The first complaint: what follows are the complaints of those who had called.
static std::string reason(const CommandResult &failed)
{
	static const std::regex complaint("^(mend: .* (does not fit|is for) .*|no CONFIG_.*|.*[Ee]rror: .*|E: (?!mmdebstrap failed).*)$");
	std::istringstream lines(failed.both());
	std::string line;

	while (std::getline(lines, line)) {
		if (std::regex_match(line, complaint))
			return line;
	}
	return trimmed(last_lines(failed.both(), 1));
}

static void build(const fs::path &directory, const std::string &suite, const Progress &progress)
{
	const std::string mirror = debian_mirror();
	const std::string base = without(unchecked(suite), "-backports");
	std::vector<std::string> words = recipe(suite);

	progress(fmt::format("making the guests' file system ({}): {}, once", suite,
			     is_checked(suite) ? "with its kernel ten minutes to an hour"
					       : "one to two minutes"));
	words.insert(words.end(), {base, directory / "root", fmt::format("deb {} {} main", mirror, base)});
	if (suite.ends_with("-backports"))
		words.push_back(fmt::format("deb {} {} main", mirror, suite));
	// What it mounts in the root is gone with it, even if it is killed.
	words.insert(words.begin(), {"unshare", "--mount", "env", "INITRD=No"});
	const CommandResult made = run_process(
		words, {.timeout = is_checked(suite) ? std::chrono::hours(3) : std::chrono::minutes(20)});
	write_file(directory.string() + ".log", made.both());
	if (!made.ok())
		fail("the guests' file system ({}) could not be made: {} (all of it: {}.log)", suite,
		     made.timed_out ? "it took too long" : reason(made), directory.string());
	progress("making the guests' disk");
	run_process({"mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", directory / "root",
		     directory / "disk.img", kDiskSize})
		.checked();
}

// An apt that takes the image for its machine, and this machine's way to the mirror.
static CommandResult image_apt(const fs::path &root, std::vector<std::string> words)
{
	words.insert(words.begin(), {"apt-get", "-q", "-o", "Dir=" + root.string(), "-o",
				     "Dir::State::status=" + (root / "var/lib/dpkg/status").string(),
				     "-o", "APT::Architecture=amd64", "-o", "APT::Sandbox::User=root"});
	return run_process(words);
}

// Would it be made of other packages today? Not known without a mirror: then it will do.
static bool is_outdated(const fs::path &image, const std::string &suite, const Progress &progress)
{
	const fs::path root = image / "root", source = root / "usr/src/kernel-source";

	progress(fmt::format("the guests' file system ({}) is older than a week: asking the mirror", suite));
	if (!image_apt(root, {"update", "--error-on=any"}).ok()) {
		progress("no answer; it is used as it is");
		return false;
	}
	if (image_apt(root, {"--simulate", "dist-upgrade"}).checked().out.find("\nInst ") != std::string::npos)
		return true;
	// The checked kernel is no package of the image's.
	return is_checked(suite) &&
	       image_apt(root, {"--simulate", "install", "linux-source=" + trimmed(read_file(source))}).status != 0;
}

Image Image::provide(const std::string &suite, const Progress &progress)
{
	const fs::path wanted = cache_directory() / (suite + "-" + hash(recipe(suite), suite));
	const fs::path unfinished = wanted.string() + ".unfinished";
	const FileLock lock(wanted.string() + ".lock");

	if (fs::exists(wanted) && older_than_a_week(wanted)) {
		if (is_outdated(wanted, suite, progress))
			fs::remove_all(wanted);
		else
			fs::last_write_time(wanted, fs::file_time_type::clock::now());
	}
	if (!fs::exists(wanted)) {
		fs::remove_all(unfinished);
		fs::create_directories(unfinished);
		build(unfinished, suite, progress);
		fs::rename(unfinished, wanted);
	}
	return Image(wanted);
}

Image::Image(fs::path directory) : directory_(std::move(directory))
{
	for (const auto &entry : fs::directory_iterator(root() / "lib/modules"))
		release_ = entry.path().filename();
	if (release_.empty())
		fail("no kernel in {}", directory_.string());
}

// A module's path below lib/modules and those of the modules it needs, in order of insertion; none
// for what is built in.
static void resolve(const std::string &dependencies, const std::string &name,
		    std::vector<std::string> &order, std::set<std::string> &seen)
{
	std::istringstream lines(dependencies);
	std::string line;

	while (std::getline(lines, line)) {
		const std::string path = line.substr(0, line.find(':'));
		std::istringstream needed(line.substr(path.size() + 1));
		std::string word;
		std::vector<std::string> reversed;

		if (path.find("/" + name + ".ko") == std::string::npos || !seen.insert(path).second)
			continue;
		while (needed >> word)
			reversed.insert(reversed.begin(), word);
		for (const std::string &needs : reversed) {
			if (seen.insert(needs).second)
				order.push_back(needs);
		}
		order.push_back(path);
	}
}

fs::path Image::module(const std::string &name) const
{
	const fs::path modules = root() / "lib/modules" / release_;
	std::vector<std::string> order;
	std::set<std::string> seen;

	resolve(read_file(modules / "modules.dep"), name, order, seen);
	if (order.empty())
		fail("{} has no module {}", release_, name);
	return fs::path("/lib/modules") / release_ / order.back();
}

static std::string uncompressed(const fs::path &module)
{
	const std::string extension = module.extension();

	if (extension == ".xz" || extension == ".zst")
		return run_process({extension == ".xz" ? "xz" : "zstd", "-dc", module}).checked().out;
	return read_file(module);
}

void Image::write_initramfs(const fs::path &path, const fs::path &agent) const
{
	const fs::path modules = root() / "lib/modules" / release_;
	const fs::path guest = source_directory() / "guest";
	const std::string dependencies = read_file(modules / "modules.dep");
	std::vector<std::string> order;
	std::set<std::string> seen;
	std::string names;
	CpioWriter cpio;

	for (const char *name : {"virtio_pci", "virtio_blk", "crc32c_generic", "crc32c-intel", "ext4"})
		resolve(dependencies, name, order, seen);
	for (const char *name : {"bin", "dev", "lab", "modules", "root"})
		cpio.directory(name);
	for (const std::string &module : order) {
		const std::string name = without(fs::path(module).filename(), ".ko") + ".ko";

		cpio.file("modules/" + name, uncompressed(modules / module), false);
		names += name + "\n";
	}
	cpio.file("modules/order", names, false);
	cpio.file("bin/busybox", read_file("/bin/busybox"), true);
	cpio.file("lab/agent", read_file(agent), true);
	cpio.file("lab/init", read_file(guest / "init"), true);
	cpio.file("init", read_file(guest / "initramfs-init"), true);
	write_file(path, cpio.finish());
}

} // namespace lab
