// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "../static/kernel_scripts.h"

#include "lab/error.h"
#include "lab/files.h"
#include "lab/process.h"

namespace lab {

namespace fs = std::filesystem;

static constexpr const char *kSuite = "trixie";
static constexpr const char *kSource = "linux-source-6.12";

static void apt(const fs::path &directory, const std::vector<std::string> &words)
{
	std::vector<std::string> argv{"apt-get", "-q"};

	// All of it its own: the machine's apt is neither read nor changed.
	for (const std::string &option : {"Dir::State=" + (directory / "state").string(),
					  "Dir::Cache=" + (directory / "cache").string(),
					  "Dir::Etc::sourcelist=" + (directory / "sources.list").string(),
					  std::string("Dir::Etc::sourceparts=/dev/null"),
					  std::string("APT::Sandbox::User=root")})
		argv.insert(argv.end(), {"-o", option});
	argv.insert(argv.end(), words.begin(), words.end());
	run_process(argv, {.directory = directory}).checked();
}

static void fetch(const fs::path &directory)
{
	fs::create_directories(directory / "state/lists/partial");
	fs::create_directories(directory / "cache/archives/partial");
	write_file(directory / "sources.list",
		   fmt::format("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {} {} main\n",
			       debian_mirror(), kSuite));
	apt(directory, {"update"});
	apt(directory, {"download", kSource});
	run_process({"sh", "-c",
		     fmt::format("dpkg-deb --fsys-tarfile {0}_*.deb | "
				 "tar -xO ./usr/src/{0}.tar.xz | xz -dc -T0 | "
				 "tar -x --strip-components=1 {0}/scripts/checkpatch.pl "
				 "{0}/scripts/spelling.txt {0}/scripts/const_structs.checkpatch "
				 "{0}/scripts/kernel-doc {0}/scripts/coccicheck {0}/scripts/coccinelle",
				 kSource)},
		    {.directory = directory})
		.checked();
	// Two semantic patches take a compiler of OCaml, which is larger than all other tools together. One is
	// about a driver, the other about what sparse says as well.
	for (const auto &entry : fs::recursive_directory_iterator(directory / "scripts/coccinelle")) {
		if (entry.is_regular_file() && read_file(entry.path()).find(":ocaml@") != std::string::npos)
			fs::remove(entry.path());
	}
	for (const char *used : {"state", "cache"})
		fs::remove_all(directory / used);
	for (const auto &entry : fs::directory_iterator(directory)) {
		if (entry.path().extension() == ".deb")
			fs::remove(entry.path());
	}
}

fs::path provide_kernel_scripts(const Progress &progress)
{
	fs::path wanted = cache_directory() / (std::string("scripts-") + kSource);
	const fs::path unfinished = wanted.string() + ".unfinished";
	const FileLock lock(wanted.string() + ".lock");

	if (!fs::exists(wanted) || older_than_a_week(wanted)) {
		progress(fmt::format("fetching the kernel's scripts from {}, once a week", kSource));
		fs::remove_all(unfinished);
		try {
			fetch(unfinished);
			fs::remove_all(wanted);
			fs::rename(unfinished, wanted);
		} catch (const Error &error) {
			if (!fs::exists(wanted))
				throw;
			progress("there is no newer one to be had; the last one is used");
		}
	}
	return wanted;
}

fs::path kernel_headers(const Image &image)
{
	for (const auto &entry : fs::directory_iterator(image.root() / "usr/src")) {
		if (entry.path().string().ends_with("-common"))
			return entry.path();
	}
	return "/";
}

} // namespace lab
