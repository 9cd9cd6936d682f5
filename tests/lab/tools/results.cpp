// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tools/results.h"

#include <nlohmann/json.hpp>

#include "lab/files.h"

namespace lab {

using nlohmann::json;

struct NamedFigure {
	const char *name;
	Seconds FailoverRound::*figure;
};

static constexpr NamedFigure kFigures[] = {
	{"gap_at_fault", &FailoverRound::gap_at_fault},   {"gap_at_end", &FailoverRound::gap_at_end},
	{"gap_before", &FailoverRound::gap_before},       {"failed_after", &FailoverRound::failed_after},
	{"resumed_after", &FailoverRound::resumed_after},
	{"recovery", &FailoverRound::recovery},
};

static void to_json(json &object, const FailoverRound &round)
{
	object = {{"path", round.path}, {"recovered", round.recovered}};
	for (const NamedFigure &named : kFigures)
		object[named.name] = (round.*named.figure).count();
}

static void from_json(const json &object, FailoverRound &round)
{
	object.at("path").get_to(round.path);
	object.at("recovered").get_to(round.recovered);
	for (const NamedFigure &named : kFigures)
		round.*named.figure = Seconds(object.at(named.name).get<double>());
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(FailoverReport, rounds, io_verified, io_story, lost, complaints)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CaseResult, build_id, rounds, ours, stock)

void store(const std::filesystem::path &file, const CaseResult &result)
{
	std::filesystem::create_directories(file.parent_path());
	replace_file(file, json(result).dump(1, '\t', false, json::error_handler_t::replace) + "\n");
}

std::optional<CaseResult> load(const std::filesystem::path &file)
{
	if (!std::filesystem::exists(file))
		return {};
	return json::parse(read_file(file)).get<CaseResult>();
}

} // namespace lab
