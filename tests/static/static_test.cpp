// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What can be said about the module, the lab and the texts without running them.
#include <iostream>
#include <regex>
#include <sstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "../static/kernel_scripts.h"
#include "lab/files.h"
#include "lab/module.h"
#include "lab/process.h"

namespace lab {

namespace fs = std::filesystem;

// They look at every file, one or two minutes on an idle machine.
static constexpr std::chrono::minutes kPatience(30);

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

// What is in the repository: nothing that was built, and nothing that lies about.
static std::vector<fs::path> tracked_files()
{
	std::istringstream lines(run_process({"git", "ls-files"}, {.directory = checkout()}).checked().out);
	std::vector<fs::path> files;
	std::string line;

	while (std::getline(lines, line))
		files.push_back(checkout() / line);
	return files;
}

static std::vector<fs::path> module_files()
{
	std::vector<fs::path> files = tracked_files();

	std::erase_if(files, [](const fs::path &file) {
		return file.parent_path() != checkout() || (file.extension() != ".c" && file.extension() != ".h");
	});
	return files;
}

static bool is_shell_script(const fs::path &file)
{
	static const std::regex shell("#! ?/.*\\b(sh|bash)");
	const std::string text = read_file(file);

	return file.extension() == ".sh" || std::regex_match(text.substr(0, text.find('\n')), shell);
}

// A program's words, and the files at their end.
static std::vector<std::string> with_files(std::vector<std::string> words, const std::vector<fs::path> &files)
{
	words.insert(words.end(), files.begin(), files.end());
	return words;
}

TEST(Static, CheckpatchHasNothingToSay)
{
	const fs::path scripts = provide_kernel_scripts(say) / "scripts";
	const fs::path headers = kernel_headers(Image::provide(suite, say));
	const std::vector<fs::path> files = module_files();

	for (const fs::path &file : files) {
		std::vector<std::string> words{"perl", scripts / "checkpatch.pl", "--strict", "--no-tree", "--terse",
					       "--no-summary", "--show-types", "--root=" + headers.string()};

		// Laid out as the kernel's own trace headers are.
		if (file.string().ends_with("_trace.h"))
			words.push_back("--ignore=OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT");
		words.insert(words.end(), {"-f", file});
		// It keeps a cache of its own where it runs.
		EXPECT_EQ(run_process(words, {.directory = scripts}).both(), "");
	}
	EXPECT_FALSE(files.empty());
}

TEST(Static, KernelDocHasNothingToSay)
{
	const CommandResult doc = run_process(with_files(
		{provide_kernel_scripts(say) / "scripts/kernel-doc", "-none", "-Wall"}, module_files()));

	EXPECT_TRUE(doc.ok()) << doc.story();
	EXPECT_EQ(doc.both(), "");
}

// The kernel's semantic patches. For the script this is a module outside of the tree, with all below it.
TEST(Static, CoccicheckHasNothingToSay)
{
	const fs::path kernel = provide_kernel_scripts(say), directory = fs::path(LAB_RUN_DIR) / "coccicheck";
	const fs::path log = directory / "log";

	fs::remove_all(directory);
	fs::create_directories(directory);
	for (const fs::path &file : module_files())
		fs::copy_file(file, directory / file.filename());
	const CommandResult check = run_process(
		{"env", "MODE=report", "srctree=" + kernel.string(), "KBUILD_EXTMOD=" + directory.string(),
		 "DEBUG_FILE=" + log.string(), "bash", kernel / "scripts/coccicheck"},
		{.directory = directory, .timeout = kPatience});

	EXPECT_TRUE(check.ok()) << check.story() << read_file(log);
	EXPECT_NE(read_file(log).find("--dir " + directory.string()), std::string::npos) << "it did not look there";
	EXPECT_EQ(lines_with(check.out, directory), "");
}

struct Compiler {
	const char *name;
	const char *arguments;
};

// Debian's kernels are configured for gcc: what of that a suite's clang does not know is taken back, and
// so is what it then says of the kernel's own headers.
static constexpr Compiler kCompilers[] = {
	{"Gcc", "W=1"},
	{"Clang", "W=1 CC=clang CONFIG_CC_IS_GCC= CONFIG_CC_IS_CLANG=y CONFIG_FTRACE_MCOUNT_USE_CC= "
		  "CONFIG_RETHUNK= CONFIG_SLS= CONFIG_INIT_STACK_ALL_ZERO= CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT= "
		  "CONFIG_UBSAN_BOUNDS_STRICT= CONFIG_CC_IMPLICIT_FALLTHROUGH=-Wimplicit-fallthrough "
		  "KCFLAGS='-Wno-unknown-warning-option -Wno-duplicate-decl-specifier'"},
};

using Build = std::tuple<const char *, Compiler>; // for a suite's kernel

class Builds : public testing::TestWithParam<Build> {};

TEST_P(Builds, WithoutWarning)
{
	const auto &[kernel_of, compiler] = GetParam();
	const ModuleBuild build = build_module(Image::provide(kernel_of, say), compiler.arguments);

	EXPECT_TRUE(build.result.ok()) << build.result.story();
	EXPECT_EQ(lines_with(build.result.out, "warning:") + lines_with(build.result.out, "WARNING: "), "");
}

static std::string build_name(const testing::TestParamInfo<Build> &build)
{
	const auto &[kernel_of, compiler] = build.param;

	return std::regex_replace(kernel_of, std::regex("-"), "") + compiler.name;
}

INSTANTIATE_TEST_SUITE_P(For, Builds,
			 testing::Combine(testing::Values("bookworm", "trixie", "trixie-backports"),
					  testing::ValuesIn(kCompilers)),
			 build_name);

TEST(Static, SparseHasNothingToSay)
{
	const ModuleBuild build =
		build_module(Image::provide(suite, say), "C=2 CF=-D__CHECK_ENDIAN__");

	ASSERT_TRUE(build.result.ok()) << build.result.story();
	EXPECT_NE(lines_with(build.result.out, "CHECK "), "") << "sparse did not run";
	EXPECT_EQ(lines_with(build.result.out, "warning:") + lines_with(build.result.out, "error:"), "");
}

TEST(Static, NothingIsMisspelled)
{
	const CommandResult spelling =
		run_process(with_files({"codespell", "--ignore-words-list=vas,iif", "--quiet-level=3"}, tracked_files()));

	EXPECT_TRUE(spelling.ok()) << spelling.story();
	EXPECT_EQ(spelling.out, "");
}

// .shellcheckrc says what is not looked for, and why.
TEST(Static, ShellcheckHasNothingToSay)
{
	std::vector<fs::path> scripts = tracked_files();

	std::erase_if(scripts, [](const fs::path &file) { return !is_shell_script(file); });
	const CommandResult check = run_process(with_files({"shellcheck", "--format=gcc"}, scripts));

	EXPECT_GT(scripts.size(), 5u);
	EXPECT_TRUE(check.ok()) << check.story();
}

// tests/.clang-tidy says what is looked for, and why.
TEST(Static, ClangTidyHasNothingToSay)
{
	const std::string build = fs::path(LAB_BUILD_DIR) / "tidy";
	const std::vector<std::string> targets{"CMakeFiles/lab.dir/cmake_pch.hxx.pch",
					       "CMakeFiles/lab_test_support.dir/cmake_pch.hxx.pch"};
	std::vector<std::string> compile{"cmake", "--build", build, "--target"};

	// Its own compiler's precompiled headers: without them most of the time would go into those.
	compile.insert(compile.end(), targets.begin(), targets.end());
	run_process({"cmake", "-S", source_directory(), "-B", build, "-G", "Ninja", "-Wno-dev",
		     "-DCMAKE_CXX_COMPILER=clang++", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"})
		.checked();
	run_process(compile).checked();
	// Not the precompiled headers, which have a line in its list as well.
	const CommandResult tidy = run_process({"run-clang-tidy", "-quiet", "-p", build, "/tests/(lab|static)/(?!build/)"},
					       {.timeout = kPatience});

	EXPECT_EQ(lines_with(tidy.out, "error: "), "");
	EXPECT_TRUE(tidy.ok()) << tidy.story();
}

// Where the lab works around others' software, it names the heading that says why.
TEST(Static, EachUpstreamHeadingThatIsNamedIsThere)
{
	const std::string text = read_file(checkout() / "tests/lab/UPSTREAM.md");
	const std::regex comment_break("\n\\s*(//|#) ?"), named("(?:UPSTREAM\\.md, |tolerate\\(|heading = )\"([^\"]+)\"");
	unsigned count = 0;

	for (const fs::path &file : tracked_files()) {
		if (file.extension() != ".cpp" && file.extension() != ".h" && !is_shell_script(file))
			continue;
		const std::string code = std::regex_replace(read_file(file), comment_break, " ");

		for (std::sregex_iterator name(code.begin(), code.end(), named), end; name != end; ++name) {
			EXPECT_NE(text.find("\n### " + (*name)[1].str() + "\n"), text.npos)
				<< file << ": " << (*name)[1].str();
			count++;
		}
	}
	EXPECT_GT(count, 10u);
}

// The newest that CHANGELOG.md has is the module's, and what DKMS and the package take for it.
TEST(Static, TheVersionIsTheSameEverywhere)
{
	const std::string in_module = version_after(read_file(checkout() / "iscsi_iser.c"), "MODULE_VERSION(\"");
	const CommandResult dkms =
		run_process({"bash", "-c", ". ./dkms.conf && echo $PACKAGE_VERSION"}, {.directory = checkout()});

	EXPECT_NE(in_module, "");
	EXPECT_EQ(in_module, version_after(read_file(checkout() / "CHANGELOG.md"), "\n## "));
	EXPECT_EQ(in_module, trimmed(dkms.out));
	EXPECT_TRUE(read_file(checkout() / "debian/changelog").starts_with("ib-iser (" + in_module + "-"));
}

// A message is of no use to who does not find it there, so each cause is, word by word.
TEST(Static, EachCauseOfAFailureIsExplained)
{
	const std::string text = read_file(checkout() / "docs/troubleshooting.md");
	const std::regex cause("\"([a-z][A-Za-z:', ]*(?: [A-Za-z:',]+){2,})\"");
	unsigned count = 0;

	for (const fs::path &file : module_files()) {
		const std::string code = read_file(file);

		if (!file.filename().string().starts_with("iser_"))
			continue;
		for (std::sregex_iterator words(code.begin(), code.end(), cause), end; words != end; ++words) {
			EXPECT_NE(text.find((*words)[1].str()), text.npos) << file << ": " << (*words)[1].str();
			count++;
		}
	}
	EXPECT_GT(count, 10u);
}

// So is each message, by those of its pieces that are the same each time.
TEST(Static, EachMessageIsExplained)
{
	const std::string text = read_file(checkout() / "docs/troubleshooting.md");
	const std::regex message(R"re(\b(?:\w+_log|pr_\w+|\w+_printk|ibdev_\w+)\([^;"]*"([^"]+)")re");
	const std::regex between(R"( ?\(?%(?:pISpc|[a-z])\)? ?|: |\\n)");
	unsigned count = 0;

	for (const fs::path &file : module_files()) {
		const std::string code = read_file(file);

		if (file.filename().string().ends_with("_trace.h"))
			continue;
		for (std::sregex_iterator format(code.begin(), code.end(), message), end; format != end; ++format) {
			const std::string words = (*format)[1];
			std::sregex_token_iterator piece(words.begin(), words.end(), between, -1);

			for (; piece != std::sregex_token_iterator(); ++piece) {
				if (piece->str().find(' ') == std::string::npos)
					continue;
				EXPECT_NE(text.find(*piece), text.npos) << file << ": " << *piece;
				count++;
			}
		}
	}
	EXPECT_GT(count, 20u);
}

TEST(Static, EachParameterIsDescribed)
{
	const std::string page = read_file(checkout() / "docs/ib_iser.4");
	const std::string table = read_file(checkout() / "docs/parameters.md");
	const std::string kernel_page = read_file(checkout() / "docs/kernel/iser.rst");
	const std::string abi = read_file(checkout() / "docs/kernel/sysfs-module-ib_iser");
	const std::regex parameter("\nmodule_param_(?:cb|named)\\((\\w+),");
	unsigned count = 0;

	for (const fs::path &file : module_files()) {
		const std::string code = read_file(file);

		for (std::sregex_iterator name(code.begin(), code.end(), parameter), end; name != end; ++name) {
			EXPECT_NE(page.find("\n.BR " + (*name)[1].str() + " "), page.npos) << (*name)[1].str();
			EXPECT_NE(table.find("\n| `" + (*name)[1].str() + "` |"), table.npos) << (*name)[1].str();
			EXPECT_NE(kernel_page.find("\n``" + (*name)[1].str() + "`` ("), kernel_page.npos) << (*name)[1].str();
			EXPECT_NE(abi.find("/parameters/" + (*name)[1].str() + "\n"), abi.npos) << (*name)[1].str();
			count++;
		}
	}
	EXPECT_GT(count, 0u);
}

// In the page for the kernel's documentation; the statistics in ours, too.
TEST(Static, EachStatisticAndTraceEventIsDescribed)
{
	const std::string page = read_file(checkout() / "docs/troubleshooting.md");
	const std::string kernel_page = read_file(checkout() / "docs/kernel/iser.rst");
	const std::string attributes = read_file(checkout() / "iser_attr.c");
	const std::string events = read_file(checkout() / "iser_trace.h");
	const std::regex statistic("\n\t\t\\{ \"(\\w+)\","), event("\n(?:TRACE_EVENT|DEFINE_ISER_CONN_EVENT)\\((\\w+)");
	const std::sregex_iterator end;
	unsigned count = 0;

	for (std::sregex_iterator name(attributes.begin(), attributes.end(), statistic); name != end; ++name, count++) {
		EXPECT_NE(page.find("`" + (*name)[1].str() + "`"), page.npos) << (*name)[1].str();
		EXPECT_NE(kernel_page.find("\n``" + (*name)[1].str() + "``"), kernel_page.npos) << (*name)[1].str();
	}
	EXPECT_GT(count, 5u);
	count = 0;
	for (std::sregex_iterator name(events.begin(), events.end(), event); name != end; ++name, count++)
		EXPECT_NE(kernel_page.find("\n``" + (*name)[1].str() + "``"), kernel_page.npos) << (*name)[1].str();
	EXPECT_GT(count, 10u);
}

} // namespace lab

int main(int argc, char **argv) // NOLINT(bugprone-exception-escape): it says what it is
{
	CLI::App app("Static checks of the module");

	testing::InitGoogleTest(&argc, argv);
	app.add_option("--suite", lab::suite, "bookworm, trixie or trixie-backports");
	CLI11_PARSE(app, argc, argv);
	return RUN_ALL_TESTS();
}
