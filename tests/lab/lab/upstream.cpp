// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/upstream.h"

#include <iostream>
#include <map>
#include <mutex>

#include <fmt/format.h>

namespace lab {

static std::mutex mutex; // guards the next one
static std::map<std::string, unsigned> tolerated;

void tolerate(const std::string &heading)
{
	const std::lock_guard lock(mutex);

	tolerated[heading]++;
	std::cout << fmt::format("lab: tolerated (UPSTREAM.md): {}", heading) << std::endl;
}

std::string take_tolerated()
{
	const std::lock_guard lock(mutex);
	std::string text;

	for (const auto &[heading, times] : tolerated)
		text += fmt::format("{}{}, {} times", text.empty() ? "" : "; ", heading, times);
	tolerated.clear();
	return text;
}

} // namespace lab
