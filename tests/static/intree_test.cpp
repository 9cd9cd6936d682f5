// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The patch series that tools/intree writes: does a kernel's tree take it, and is it fit to be sent?
#include <iostream>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "../static/kernel_scripts.h"
#include "lab/files.h"
#include "lab/module.h"
#include "lab/process.h"

namespace lab {

namespace fs = std::filesystem;

static constexpr const char *kDriver = "drivers/infiniband/ulp/iser";

static void say(const std::string &text)
{
	std::cout << "intree: " << text << std::endl;
}

// The newest kernel's files that the series is about, and a tree of them with the series on top.
class InTree : public testing::Test {
protected:
	static void SetUpTestSuite()
	{
		std::istringstream found(run_process({checkout() / "tests/kernel-source", "plain"}).checked().out);
		std::string line;

		std::getline(found, line);
		kernel = line;
		fs::remove_all(directory);
		fs::create_directories(directory / "tree");
		run_process({checkout() / "tools/intree", kernel, directory / "series"}).checked();
		for (const auto &entry : fs::directory_iterator(directory / "series")) {
			if (entry.path().filename() != "0000-cover-letter.patch")
				patches.insert(entry.path());
		}
		for (const char *part : {"drivers", "Documentation", "MAINTAINERS"})
			fs::copy(kernel / part, directory / "tree" / part, fs::copy_options::recursive);
		git({"init", "-q"});
		git({"add", "-A"});
		git({"commit", "-q", "-m", "base"});
	}

	static CommandResult git(const std::vector<std::string> &words)
	{
		std::vector<std::string> argv{"git", "-c", "user.name=static", "-c", "user.email=static@localhost"};

		argv.insert(argv.end(), words.begin(), words.end());
		return run_process(argv, {.directory = directory / "tree"}).checked();
	}

	static void apply()
	{
		std::vector<std::string> words{"am", "-q"};

		git({"reset", "-q", "--hard", ":/^base"});
		words.insert(words.end(), patches.begin(), patches.end());
		git(words);
	}

	static std::vector<std::string> lines_of(const std::string &text)
	{
		std::istringstream lines(text);
		std::vector<std::string> all;

		for (std::string line; std::getline(lines, line);)
			all.push_back(line);
		return all;
	}

	static inline fs::path kernel;
	static inline const fs::path directory = fs::path(LAB_RUN_DIR) / "intree";
	static inline std::set<fs::path> patches;
};

TEST_F(InTree, EachPatchApplies)
{
	ASSERT_EQ(patches.size(), 4u);
	apply();
	EXPECT_EQ(git({"status", "--porcelain"}).out, "");
	EXPECT_EQ(lines_of(git({"log", "--format=%s"}).out).size(), patches.size() + 1);
}

// What checkpatch says and the kernel does all the same: trace headers are laid out like that, and the
// class returns ENOSYS for an attribute that a transport does not have.
static bool is_usual(const std::string &line)
{
	if (line.find("/iser_trace.h:") != line.npos)
		return line.find(":OPEN_ENDED_LINE:") != line.npos || line.find(":PARENTHESIS_ALIGNMENT:") != line.npos;
	return line.find("/peers/iscsid.c:") != line.npos && line.find(":ENOSYS:") != line.npos;
}

TEST_F(InTree, CheckpatchHasNothingToSay)
{
	const fs::path headers = kernel_headers(Image::provide("trixie-backports", say));

	for (const fs::path &patch : patches) {
		// That the new files are in MAINTAINERS is looked at below.
		const CommandResult check = run_process(
			{"perl", kernel / "scripts/checkpatch.pl", "--strict", "--no-tree", "--terse", "--no-summary",
			 "--show-types", "--showfile", "--ignore=FILE_PATH_CHANGES", "--root=" + headers.string(), patch},
			{.directory = directory});

		for (const std::string &line : lines_of(check.both()))
			EXPECT_TRUE(is_usual(line)) << line;
	}
}

// In one tree there is one kernel: nothing is built otherwise for others, or for another tree.
TEST_F(InTree, NothingOfOlderKernelsIsLeft)
{
	apply();
	const CommandResult found =
		run_process({"grep", "-rniE", "compat|ISER_HAVE_|KBUILD_EXTMOD|LINUX_VERSION_CODE|GCOV|tests/kunit|DKMS|@AUTHOR@",
			     kDriver, "Documentation/infiniband/iser.rst", "Documentation/ABI/testing/sysfs-module-ib_iser",
			     "Documentation/ABI/testing/debugfs-ib_iser"},
			    {.directory = directory / "tree"});

	EXPECT_EQ(found.both(), "");
}

TEST_F(InTree, EachFileHasItsMaintainer)
{
	apply();
	const std::string maintainers = read_file(directory / "tree/MAINTAINERS");
	const auto files = lines_of(git({"diff", "--name-only", "--diff-filter=A", ":/^base"}).out);

	EXPECT_NE(maintainers.find(fmt::format("\nF:\t{}/\n", kDriver)), maintainers.npos);
	EXPECT_GT(files.size(), 50u);
	for (const std::string &file : files) {
		EXPECT_TRUE(file.starts_with(kDriver) || maintainers.find("\nF:\t" + file + "\n") != maintainers.npos)
			<< file;
	}
}

TEST_F(InTree, TheCoverLetterHasItsTables)
{
	const std::string letter = read_file(directory / "series/0000-cover-letter.patch");
	int tables = 0;

	for (const std::string &line : lines_of(read_file(checkout() / "docs/kernel/cover-letter"))) {
		const auto head = line.find(": |");

		if (!line.starts_with("@") || head == line.npos)
			continue;
		tables++;
		EXPECT_NE(letter.find("\n" + line.substr(head + 2)), letter.npos) << line;
	}
	EXPECT_GT(tables, 0);
}

TEST_F(InTree, ThePageIsThereAndProperRest)
{
	apply();
	const fs::path documents = directory / "tree/Documentation/infiniband";
	const CommandResult page = run_process({"rst2pseudoxml", "--halt=2", documents / "iser.rst"});

	EXPECT_TRUE(page.ok()) << page.story();
	EXPECT_NE(read_file(documents / "index.rst").find("\n   iser\n"), std::string::npos);
}

} // namespace lab
