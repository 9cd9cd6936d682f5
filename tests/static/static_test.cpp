// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What can be said about the module without running it, by the tools of the kernel it is for.
#include <iostream>
#include <regex>
#include <sstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "../static/checkpatch.h"
#include "lab/files.h"
#include "lab/module.h"
#include "lab/process.h"

namespace lab {

namespace fs = std::filesystem;

static std::string suite = "trixie";

static void say(const std::string &text)
{
	std::cout << "static: " << text << std::endl;
}

static std::string lines_with(const std::string &text, const std::string &word)
{
	std::istringstream lines(text);
	std::string line, found;

	while (std::getline(lines, line)) {
		if (line.find(word) != std::string::npos)
			found += line + "\n";
	}
	return found;
}

static std::string version_after(const std::string &text, const std::string &words)
{
	const auto at = text.find(words);

	return at == text.npos ? "" : text.substr(at + words.size(), text.find_first_of("\"\n ", at + words.size()) - at - words.size());
}

// The script knows the kernel's own CamelCase from its headers.
static fs::path kernel_headers(const Image &image)
{
	for (const auto &entry : fs::directory_iterator(image.root() / "usr/src")) {
		if (entry.path().string().ends_with("-common"))
			return entry.path();
	}
	return "/";
}

TEST(Static, CheckpatchHasNothingToSay)
{
	const fs::path script = provide_checkpatch(say);
	const fs::path headers = kernel_headers(Image::provide(suite, say));
	unsigned files = 0;

	for (const auto &entry : fs::directory_iterator(checkout())) {
		const std::string name = entry.path().filename();
		std::vector<std::string> words{"perl", script, "--strict", "--no-tree", "--terse",
					       "--no-summary", "--show-types", "--root=" + headers.string()};

		if (!name.ends_with(".c") && !name.ends_with(".h"))
			continue;
		// Laid out as the kernel's own trace headers are.
		if (name.ends_with("_trace.h"))
			words.push_back("--ignore=OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT");
		words.insert(words.end(), {"-f", entry.path()});
		// It keeps a cache of its own where it runs.
		EXPECT_EQ(run_process(words, {.directory = script.parent_path()})
				  .both(),
			  "");
		files++;
	}
	EXPECT_GT(files, 0u);
}

TEST(Static, BuildsWithoutWarning)
{
	const ModuleBuild build = build_module(Image::provide(suite, say), "W=1");

	EXPECT_TRUE(build.result.ok()) << build.result.story();
	EXPECT_EQ(lines_with(build.result.out, "warning:"), "");
}

TEST(Static, SparseHasNothingToSay)
{
	const ModuleBuild build =
		build_module(Image::provide(suite, say), "C=2 CF=-D__CHECK_ENDIAN__");

	ASSERT_TRUE(build.result.ok()) << build.result.story();
	EXPECT_NE(lines_with(build.result.out, "CHECK "), "") << "sparse did not run";
	EXPECT_EQ(lines_with(build.result.out, "warning:") + lines_with(build.result.out, "error:"), "");
}

// Where the lab works around others' software, it names the heading that says why.
TEST(Static, EachUpstreamHeadingThatIsNamedIsThere)
{
	const std::string text = read_file(checkout() / "tests/lab/UPSTREAM.md");
	const std::regex comment_break("\n\\s*(//|#) ?"), named("(?:UPSTREAM\\.md, |tolerate\\(|heading = )\"([^\"]+)\"");
	unsigned count = 0;

	for (const auto &entry : fs::recursive_directory_iterator(checkout() / "tests/lab")) {
		if (entry.path().string().find("/build/") != std::string::npos ||
		    (entry.path().extension() != ".cpp" && entry.path().extension() != ".h"))
			continue;
		const std::string code = std::regex_replace(read_file(entry.path()), comment_break, " ");

		for (std::sregex_iterator name(code.begin(), code.end(), named), end; name != end; ++name) {
			EXPECT_NE(text.find("\n### " + (*name)[1].str() + "\n"), text.npos)
				<< entry.path() << ": " << (*name)[1].str();
			count++;
		}
	}
	EXPECT_GT(count, 10u);
}

// The newest that CHANGELOG.md has is the module's, and what DKMS takes for it.
TEST(Static, TheVersionIsTheSameEverywhere)
{
	const std::string in_module = version_after(read_file(checkout() / "iscsi_iser.c"), "MODULE_VERSION(\"");
	const CommandResult dkms =
		run_process({"bash", "-c", ". ./dkms.conf && echo $PACKAGE_VERSION"}, {.directory = checkout()});

	EXPECT_NE(in_module, "");
	EXPECT_EQ(in_module, version_after(read_file(checkout() / "CHANGELOG.md"), "\n## "));
	EXPECT_EQ(in_module, trimmed(dkms.out));
}

} // namespace lab

int main(int argc, char **argv)
{
	CLI::App app("Static checks of the module");

	testing::InitGoogleTest(&argc, argv);
	app.add_option("--suite", lab::suite, "trixie or trixie-backports");
	CLI11_PARSE(app, argc, argv);
	return RUN_ALL_TESTS();
}
