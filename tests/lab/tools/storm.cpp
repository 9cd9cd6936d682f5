// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tools/storm.h"

#include <iostream>
#include <random>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lab/console.h"
#include "lab/diagnosis.h"
#include "lab/files.h"
#include "lab/lab.h"
#include "lab/module.h"
#include "lab/storm.h"
#include "lab/target.h"
#include "lab/watchdog.h"

namespace lab {

namespace fs = std::filesystem;

static constexpr unsigned kParts = 6;

PartResult storm_part(const fs::path &directory, const std::string &suite, std::uint32_t seed,
		      const StormCounts &counts, const Progress &progress)
{
	Lab lab({directory, suite, Process::Lifetime::owned, progress});
	const std::chrono::minutes limit = longest_storm(lab.image());
	const Watchdog watchdog(limit, [&lab, limit] {
		give_up(lab, fmt::format("not over after {} minutes", limit.count()));
	});

	set_up_lio(lab.target());
	lab.insert(ModuleKind::ours);
	ConsoleWatch initiator(lab.initiator().console()), target(lab.target().console());
	const StormReport report = weather_storm(lab, seed, counts, progress);
	PartResult result{report.held(), fmt::format("seed {}: {}", seed, report.story())};

	progress(result.story);
	for (ConsoleWatch *console : {&initiator, &target}) {
		for (const std::string &line : console->complaints()) {
			progress(fmt::format("{} console: {}", console == &target ? "target" : "initiator", line));
			result.held = false;
		}
	}
	progress(fmt::format("seed {} {}; consoles: {}/*/console.log", seed,
			     result.held ? "passed" : "FAILED", directory.string()));
	return result;
}

// {"of": module and machines, "seed": of the first part, "parts": how the parts that passed went}
static nlohmann::json begun_or_new(const fs::path &file, const std::string &of)
{
	if (fs::exists(file)) {
		nlohmann::json begun = nlohmann::json::parse(read_file(file));

		if (begun.value("of", "") == of)
			return begun;
	}
	return {{"of", of}, {"seed", std::random_device{}()}, {"parts", nlohmann::json::array()}};
}

bool storm(const fs::path &directory, const std::string &suite, const Progress &progress)
{
	const fs::path file = directory / "done.json";
	const ModuleBuild build = build_module(Image::provide(suite, progress), "W=1");
	build.result.checked();
	nlohmann::json done = begun_or_new(file, suite + " " + build.build_id);

	fs::create_directories(directory);
	while (done["parts"].size() < kParts) {
		const unsigned part = done["parts"].size() + 1;
		const std::uint32_t seed = done["seed"].get<std::uint32_t>() + part - 1;

		replace_file(file, done.dump());
		progress(fmt::format("part {} of {}", part, kParts));
		const PartResult result = storm_part(directory / fmt::format("part-{}", part), suite, seed,
						     kStormPart, progress);
		if (!result.held)
			return false;
		done["parts"].push_back(fmt::format("part {}, {}", part, result.story));
	}
	for (const auto &part : done["parts"])
		progress(part);
	fs::remove(file);
	return true;
}

} // namespace lab
