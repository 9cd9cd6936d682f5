// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Adds up reports: GoogleTest's JSON files, and logs that end with "N passed, N failed". A report
// that is missing or cut short counts as one failure. Prints the sum in the same form, last.
#include <cstdio>
#include <iostream>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lab/error.h"
#include "lab/files.h"
#include "lab/result.h"

namespace {

struct Tally {
	unsigned passed = 0, failed = 0;

	void add(bool success) { success ? passed++ : failed++; }
};

Tally from_gtest(const std::string &text)
{
	const nlohmann::json report = nlohmann::json::parse(text);
	Tally tally;

	for (const auto &suite : report.at("testsuites")) {
		for (const auto &test : suite.at("testsuite")) {
			if (test.at("status") != "RUN" || test.value("result", "") == "SKIPPED")
				continue;
			tally.add(!test.contains("failures"));
			if (test.contains("failures"))
				fmt::print("failed: {}.{}\n", suite.at("name").get<std::string>(),
					   test.at("name").get<std::string>());
		}
	}
	return tally;
}

Tally from_log(const std::string &text)
{
	Tally tally;
	const std::string line = lab::last_lines(text, 1);

	if (std::sscanf(line.c_str(), "%u passed, %u failed", &tally.passed, &tally.failed) != 2)
		lab::fail("no count at the end");
	return tally;
}

} // namespace

int main(int argc, char **argv)
{
	Tally sum;

	for (int i = 1; i < argc; i++) {
		const std::string path = argv[i];

		try {
			const std::string text = lab::read_file(path);
			const Tally tally = path.ends_with(".json") ? from_gtest(text) : from_log(text);

			fmt::print("{}: {} passed, {} failed\n", path, tally.passed, tally.failed);
			if (!tally.passed && !tally.failed)
				lab::fail("no test ran");
			sum.passed += tally.passed;
			sum.failed += tally.failed;
		} catch (const std::exception &error) {
			fmt::print("failed: {} is no whole report: {}\n", path, error.what());
			sum.failed++;
		}
	}
	fmt::print("{} passed, {} failed\n", sum.passed, sum.failed);
	return sum.failed || !sum.passed ? 1 : 0;
}
