// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Reads a machine's console log from where a test began.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lab {

class ConsoleWatch {
public:
	explicit ConsoleWatch(std::filesystem::path log);

	// What was printed since.
	std::string text() const;
	// The lines of it that no test may cause: WARN, BUG, Oops, lockdep, KASAN, kmemleak,
	// hung tasks.
	std::vector<std::string> complaints() const { return findings().complaints; }
	// What is like them and is others' doing: its headings in UPSTREAM.md.
	std::vector<std::string> tolerated() const { return findings().tolerated; }

private:
	struct Findings {
		std::vector<std::string> complaints, tolerated;
	};

	Findings findings() const;

	std::filesystem::path log_;
	std::uintmax_t start_;
};

} // namespace lab
