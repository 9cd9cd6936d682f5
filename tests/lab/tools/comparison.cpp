// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tools/comparison.h"

#include <algorithm>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "lab/error.h"
#include "lab/files.h"
#include "lab/lab.h"
#include "tools/cases.h"
#include "tools/picture.h"
#include "tools/results.h"

namespace lab {

// The machines a case needs, booted only when what is up is of another kind or cannot be trusted.
class Machines {
public:
	Machines(const ComparisonOptions &options, const Progress &progress)
		: options_(options), progress_(progress)
	{
	}

	Lab &with(Targets targets, ModuleKind kind)
	{
		if (!lab_ || targets != targets_ || !unloaded())
			boot(targets);
		lab_->insert(kind);
		return *lab_;
	}
	void give_up() { lab_.reset(); }

private:
	bool unloaded()
	{
		try {
			if (!lab_->alive())
				return false;
			lab_->unload();
			return true;
		} catch (const Error &error) {
			progress_(fmt::format("booting anew, for the module does not go: {}", error.what()));
			return false;
		}
	}
	// Each boot has its own directory, so that the consoles are kept.
	void boot(Targets targets)
	{
		lab_.reset();
		lab_ = std::make_unique<Lab>(LabConfig{options_.machines / fmt::format("{}", ++boots_),
						       options_.suite, Process::Lifetime::owned, progress_,
						       targets});
		targets_ = targets;
		lab_->set_up_targets();
	}

	const ComparisonOptions &options_;
	const Progress &progress_;
	std::unique_ptr<Lab> lab_;
	Targets targets_ = Targets::one;
	unsigned boots_ = 0;
};

static const FailoverRound *worst(const FailoverReport &report)
{
	const auto found = std::ranges::max_element(report.rounds, {}, &FailoverRound::gap);

	return found == report.rounds.end() ? nullptr : &*found;
}

static CaseResult measure(Machines &machines, const Case &fault, unsigned rounds,
			  const std::string &build_id, const Progress &progress)
{
	CaseResult result{build_id, rounds, {}, {}};

	for (ModuleKind kind : {ModuleKind::ours, ModuleKind::stock}) {
		FailoverReport &report = kind == ModuleKind::ours ? result.ours : result.stock;

		report = fault.run(machines.with(fault.targets, kind), rounds, [&](const std::string &text) {
			progress(fmt::format("{}, {}: {}", fault.name, to_string(kind), text));
		});
		progress(fmt::format("{}, {}:\n{}", fault.name, to_string(kind), report.story()));
		if (!report.io_verified || !report.complaints.empty())
			machines.give_up();
	}
	return result;
}

static std::string figure(const FailoverReport &report)
{
	Seconds at_fault{}, at_end{};

	if (!report.lost.empty())
		return "machine lost";
	if (report.rounds.empty())
		return "I/O failed";
	for (const FailoverRound &round : report.rounds) {
		at_fault = std::max(at_fault, round.gap_at_fault);
		at_end = std::max(at_end, round.gap_at_end);
	}
	std::string text = fmt::format("{:.2f} / {:.2f} s", at_fault.count(), at_end.count());
	if (!report.io_verified)
		text += ", I/O failed";
	else if (!std::ranges::all_of(report.rounds, &FailoverRound::recovered))
		text += ", path lost";
	return text + (report.complaints.empty() ? "" : ", complaints");
}

static std::string table(const std::vector<std::pair<const Case *, CaseResult>> &results,
			 unsigned rounds, int &missed)
{
	std::string text = fmt::format("The longest wait for I/O at the fault / from its end on, the worst of at "
				       "least {} rounds.\n\n"
				       "| case | stock | ours | bound | kept |\n|---|---|---|---|---|\n",
				       rounds);

	for (const auto &[fault, result] : results) {
		const std::string verdict = broken(fault->bound, result.ours, result.stock);

		missed += !verdict.empty();
		text += fmt::format("| {} ({}) | {} | {} | {} | {} |\n", fault->what, fault->name,
				    figure(result.stock), figure(result.ours), fault->bound.text(),
				    verdict.empty() ? "yes" : "NO: " + verdict);
	}
	return text;
}

static void keep(const std::filesystem::path &results, const Case &fault, const CaseResult &result)
{
	store(results / (fault.name + ".json"), result);
	if (worst(result.ours) && worst(result.stock))
		write_file(results / (fault.name + ".svg"),
			   draw(fmt::format("{} ({})", fault.what, fault.name), *worst(result.ours),
				*worst(result.stock)));
}

int compare_failovers(const ComparisonOptions &options, const Progress &progress)
{
	const ModuleBuild build = build_module(Image::provide(options.suite, progress), "W=1");
	std::vector<std::pair<const Case *, CaseResult>> results;
	Machines machines(options, progress);
	int missed = 0;

	build.result.checked();
	std::filesystem::remove_all(options.machines);
	for (const std::string &name : options.cases) {
		if (std::ranges::find(failover_cases(), name, &Case::name) == failover_cases().end())
			fail("no such case: {}", name);
	}
	for (const Case &fault : failover_cases()) {
		const bool named = std::ranges::find(options.cases, fault.name) != options.cases.end();
		std::optional<CaseResult> result = load(options.results / (fault.name + ".json"));

		if (!options.cases.empty() && !named)
			continue;
		if (result && result->build_id != build.build_id)
			result.reset();
		const bool kept = result && result->rounds > options.rounds;
		if (named || !result || result->rounds < options.rounds) {
			result = measure(machines, fault, options.rounds, build.build_id, progress);
			if (!kept)
				keep(options.results, fault, *result);
		}
		results.emplace_back(&fault, std::move(*result));
	}
	for (const auto &[fault, result] : results) {
		std::cout << fmt::format("{}, ours:\n{}{}, stock:\n{}", fault->name, result.ours.story(),
					 fault->name, result.stock.story());
	}
	std::cout << "\n" << table(results, options.rounds, missed) << "\nResults and pictures: "
		  << options.results.string() << std::endl;
	return missed ? 1 : 0;
}

} // namespace lab
