// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "../static/checkpatch.h"

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
				 "tar -x --strip-components=2 {0}/scripts/checkpatch.pl "
				 "{0}/scripts/spelling.txt {0}/scripts/const_structs.checkpatch",
				 kSource)},
		    {.directory = directory})
		.checked();
	for (const char *used : {"state", "cache"})
		fs::remove_all(directory / used);
	for (const auto &entry : fs::directory_iterator(directory)) {
		if (entry.path().extension() == ".deb")
			fs::remove(entry.path());
	}
}

fs::path provide_checkpatch(const Progress &progress)
{
	const fs::path wanted = cache_directory() / (std::string("checkpatch-") + kSource);
	const fs::path unfinished = wanted.string() + ".unfinished";
	const FileLock lock(wanted.string() + ".lock");

	if (!fs::exists(wanted) || older_than_a_week(wanted)) {
		progress(fmt::format("fetching checkpatch from {}, once a week", kSource));
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
	return wanted / "checkpatch.pl";
}

} // namespace lab
