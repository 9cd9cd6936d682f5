// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Adds up reports: GoogleTest's JSON files, each with its log beside it, and logs that have a line
// "N passed, N failed". A report that is missing or cut short counts as one failure. Prints the sum
// in the same form, last; or, after it, what to look at first.
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lab/error.h"
#include "lab/files.h"

namespace {

struct Tally {
	unsigned passed = 0, failed = 0, skipped = 0;
	std::string first; // what failed first, and where that can be read

	void blame(const std::string &what, const std::string &where)
	{
		if (first.empty())
			first = fmt::format("{} in {}", what, where);
	}

	void add(const Tally &part)
	{
		passed += part.passed;
		failed += part.failed;
		skipped += part.skipped;
		if (first.empty())
			first = part.first;
	}
};

std::string counts(const Tally &tally)
{
	const std::string text = fmt::format("{} passed, {} failed", tally.passed, tally.failed);

	return tally.skipped ? fmt::format("{}, {} skipped", text, tally.skipped) : text;
}

Tally from_gtest(const std::string &path)
{
	const nlohmann::json report = nlohmann::json::parse(lab::read_file(path));
	const std::string log = std::filesystem::path(path).replace_extension(".log");
	Tally tally;

	for (const auto &suite : report.at("testsuites")) {
		for (const auto &test : suite.at("testsuite")) {
			const std::string name = fmt::format("{}.{}", suite.at("name").get<std::string>(),
							     test.at("name").get<std::string>());

			if (test.contains("tolerated"))
				fmt::print("tolerated in {}: {}\n", name,
					   test.at("tolerated").get<std::string>());
			if (test.at("status") != "RUN" || test.value("result", "") == "SKIPPED") {
				tally.skipped += test.value("result", "") == "SKIPPED";
			} else if (test.contains("failures")) {
				fmt::print("failed: {}\n", name);
				tally.failed++;
				tally.blame(name, log);
			} else {
				tally.passed++;
			}
		}
	}
	return tally;
}

Tally from_log(const std::string &path)
{
	std::istringstream lines(lab::read_file(path));
	std::string line, first;
	bool counted = false;
	Tally tally;

	while (std::getline(lines, line)) {
		Tally found;

		if (std::sscanf(line.c_str(), "%u passed, %u failed, %u skipped", &found.passed,
				&found.failed, &found.skipped) >= 2) {
			tally = found;
			counted = true;
		}
		if (line.starts_with("look first: "))
			first = line.substr(std::strlen("look first: "));
	}
	if (!counted)
		lab::fail("no count at the end");
	if (tally.failed)
		tally.blame(first.empty() ? "the last lines" : first, path);
	return tally;
}

} // namespace

int main(int argc, char **argv)
{
	Tally sum;

	for (int i = 1; i < argc; i++) {
		const std::string path = argv[i];
		Tally part;

		try {
			part = path.ends_with(".json") ? from_gtest(path) : from_log(path);
			fmt::print("{}: {}\n", path, counts(part));
			if (!part.passed && !part.failed)
				lab::fail("no test ran");
		} catch (const std::exception &error) {
			fmt::print("failed: {} is no whole report: {}\n", path, error.what());
			part.failed++;
			part.blame("its last lines", std::filesystem::path(path).replace_extension(".log"));
		}
		sum.add(part);
	}
	fmt::print("{}\n", counts(sum));
	if (!sum.failed && sum.passed)
		return 0;
	fmt::print("look first: {}\n", sum.first);
	return 1;
}
