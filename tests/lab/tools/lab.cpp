// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The lab by hand: boot the two machines, run commands in them, try the module, pull cables.
#include <cstdio>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "lab/error.h"
#include "lab/image.h"
#include "lab/lab.h"
#include "lab/target.h"
#include "lab/transport.h"
#include "tools/bench.h"
#include "tools/comparison.h"
#include "tools/demo.h"
#include "tools/detection.h"
#include "tools/instructions.h"
#include "tools/storm.h"

namespace {

using namespace lab;

constexpr const char *kSuites =
	"bookworm, trixie, trixie-backports, or trixie-checked: a kernel that checks memory and locks";

struct Options {
	std::filesystem::path directory = LAB_RUN_DIR "/by-hand";
	std::string suite = "trixie";
	std::string module = "none";
	std::string machine, command, file, remote;
	std::string path, state;
	double timeout = 600;
	unsigned rounds = 5;
	std::vector<std::string> cases;
	bool renew = false;
	std::optional<std::uint32_t> seed;
	StormCounts counts = kStormPart;
};

constexpr const char *kSavedCosts = LAB_SOURCE_DIR "/bench.json";

void say(const std::string &text)
{
	std::cout << "lab: " << text << std::endl;
}

Vm attach(const Options &options)
{
	return Vm::attach(options.machine, options.directory / options.machine);
}

int up(const Options &options)
{
	Lab lab({options.directory, options.suite, Process::Lifetime::detached, say});

	say("setting up LIO");
	set_up_lio(lab.target());
	lab.insert(module_kind(options.module));
	say(fmt::format("up; consoles: {}/*/console.log", options.directory.string()));
	return 0;
}

int run(const Options &options)
{
	Vm vm = attach(options);
	const CommandResult result = vm.run(
		options.command, std::chrono::milliseconds(static_cast<long>(options.timeout * 1000)));

	std::fputs(result.out.c_str(), stdout);
	std::fputs(result.err.c_str(), stderr);
	if (result.timed_out)
		fmt::print(stderr, "lab: timed out after {:.1f} s\n", result.duration.count());
	return result.status;
}

int put(const Options &options)
{
	attach(options).put(read_file(options.file), options.remote, "755");
	return 0;
}

// Builds, replaces what is loaded, and says what the kernel says if it does not like it.
int insert(const Options &options)
{
	Lab lab = Lab::attach(options.directory);

	lab.initiator().run("iscsiadm -m node -U all");
	lab.remove_module();
	lab.insert(module_kind(options.module));
	say(fmt::format("ib_iser loaded{}", lab.runs_ours() ? ", and it is ours" : ""));
	return 0;
}

int cable(const Options &options)
{
	attach(options).set_cable(options.path == "A" ? 0 : 1, options.state == "in");
	return 0;
}

int down(const Options &options)
{
	for (const char *name : {"initiator", "target"}) {
		try {
			Vm::attach(name, options.directory / name).quit();
		} catch (const Error &error) {
			say(fmt::format("{}: {}", name, error.what()));
		}
	}
	return 0;
}

int print_root(const Options &options)
{
	const auto progress = [](const std::string &line) { fmt::print(stderr, "lab: {}\n", line); };

	fmt::print("{}\n", Image::provide(options.suite, progress).root().string());
	return 0;
}

int print_size(const Options &options)
{
	const Image image = Image::provide(options.suite, say);

	for (ModuleKind kind : {ModuleKind::ours, ModuleKind::stock}) {
		const ModuleSize size = module_size(image, kind);

		fmt::print("{} {}: .text {}, .data {}, .bss {}\n", image.release(), to_string(kind), size.text, size.data,
			   size.bss);
	}
	return 0;
}

Lab counting_lab(const std::string &suite, const char *directory)
{
	Lab lab({.directory = directory, .suite = suite, .progress = say, .count_instructions = true});

	lab.set_up_targets();
	return lab;
}

// Three boots: counting takes one CPU, sessions take two, and fio a clock of its own.
int run_bench(const Options &options)
{
	const std::filesystem::path reports = LAB_REPORTS_DIR "/bench";
	std::vector<std::string> names;
	nlohmann::json result;

	for (Transport transport : kTransports)
		names.push_back(to_string(transport));
	{
		Lab lab = counting_lab(options.suite, LAB_RUN_DIR "/bench-counts");

		result["counts"] = measure_costs(lab, say);
	}
	{
		Lab lab({.directory = LAB_RUN_DIR "/bench", .suite = options.suite, .progress = say});

		lab.set_up_targets();
		result["times"] = measure_times(lab, say);
	}
	{
		Lab lab({.directory = LAB_RUN_DIR "/bench-io", .suite = options.suite, .progress = say,
			 .targets = Targets::none});

		lab.set_up_targets();
		result["times"].update(measure_io(lab, say));
	}
	const std::string tables = cost_tables(result["counts"]) + time_tables(result["times"]);

	std::filesystem::create_directories(reports);
	write_file(reports / "bench.json", result.dump(1) + "\n");
	write_file(reports / "bench.md", tables);
	write_file(reports / "bench.svg",
		   draw_bars("ib_iser beside others", names,
			     {instructions_panel(result["counts"]), iops_panel(result["times"])}));
	std::cout << tables << "\nall of it, by function too: " << reports.string() << std::endl;
	return 0;
}

int run_instructions(const Options &options)
{
	const std::filesystem::path report = LAB_REPORTS_DIR "/instructions.json";
	Lab lab = counting_lab(options.suite, LAB_RUN_DIR "/instructions");
	const nlohmann::json costs = measure_costs(lab, say);

	std::filesystem::create_directories(report.parent_path());
	write_file(report, costs.dump(1) + "\n");
	std::cout << cost_tables(costs) << "\nby function: " << report.string() << std::endl;
	return 0;
}

int run_bench_check(const Options &options)
{
	Lab lab = counting_lab(options.suite, LAB_RUN_DIR "/bench-check");

	if (!options.renew)
		return check_costs(lab, kSavedCosts, say);
	renew_costs(lab, kSavedCosts, say);
	return 0;
}

int run_failover(const Options &options)
{
	return compare_failovers({options.suite, LAB_RUN_DIR "/failover", LAB_REPORTS_DIR "/failover",
				  options.rounds, options.cases},
				 say);
}

int run_detection(const Options &options)
{
	Lab lab({LAB_RUN_DIR "/detection", options.suite, Process::Lifetime::owned, say});

	lab.set_up_targets();
	lab.insert(ModuleKind::ours);
	return measure_detection(lab, options.rounds, say);
}

int run_storm(const Options &options)
{
	const std::filesystem::path directory = LAB_RUN_DIR "/storm";

	if (!options.seed)
		return storm(directory, options.suite, say) ? 0 : 1;
	return storm_part(directory / "replay", options.suite, *options.seed, options.counts, say).held ? 0 : 1;
}

void add_machine(CLI::App *command, Options &options)
{
	command->add_option("machine", options.machine)
		->required()
		->check(CLI::IsMember({"initiator", "target"}));
}

} // namespace

int main(int argc, char **argv) // NOLINT(bugprone-exception-escape): it says what it is
{
	CLI::App app("The ib_iser lab by hand");
	Options options;
	int status = 0;

	app.require_subcommand(1);
	app.add_option("--dir", options.directory, "of the machines that \"up\" boots (sockets, logs)");

	CLI::App *command = app.add_subcommand("up", "boot both machines and set the targets up");
	command->add_option("--module", options.module, "ours, stock or none");
	command->add_option("--suite", options.suite, kSuites);
	command->callback([&] { status = up(options); });

	command = app.add_subcommand("run", "run a shell command in a machine");
	add_machine(command, options);
	command->add_option("command", options.command)->required();
	command->add_option("--timeout", options.timeout, "seconds");
	command->callback([&] { status = run(options); });

	command = app.add_subcommand("put", "copy a file into a machine");
	add_machine(command, options);
	command->add_option("file", options.file)->required();
	command->add_option("to", options.remote)->required();
	command->callback([&] { status = put(options); });

	command = app.add_subcommand("insert", "build the checkout's module and load it anew");
	command->add_option("module", options.module, "ours or stock")->default_val("ours");
	command->callback([&] { status = insert(options); });

	command = app.add_subcommand("cable", "pull a cable or plug it in: cable initiator A out");
	add_machine(command, options);
	command->add_option("path", options.path)->required()->check(CLI::IsMember({"A", "B"}));
	command->add_option("state", options.state)->required()->check(CLI::IsMember({"in", "out"}));
	command->callback([&] { status = cable(options); });

	command = app.add_subcommand("down", "switch both machines off");
	command->callback([&] { status = down(options); });

	command = app.add_subcommand("demo", "show the main job, from build to unload");
	command->callback([&] { status = demonstrate(LAB_RUN_DIR "/demo", options.suite); });

	command = app.add_subcommand("root", "make the guests' file system, and say where it is");
	command->add_option("--suite", options.suite, kSuites);
	command->callback([&] { status = print_root(options); });

	command = app.add_subcommand("size", "how large our module and Debian's own are");
	command->add_option("--suite", options.suite, kSuites);
	command->callback([&] { status = print_size(options); });

	command = app.add_subcommand("bench", "our module beside Debian's, NVMe and TCP: costs, times, memory");
	command->callback([&] { status = run_bench(options); });

	command = app.add_subcommand("instructions", "what an I/O costs, counted exactly, over each transport");
	command->add_option("--suite", options.suite, kSuites);
	command->callback([&] { status = run_instructions(options); });

	command = app.add_subcommand("bench-check", "what an I/O costs, against what it did: bench.json");
	command->add_option("--suite", options.suite, kSuites);
	command->add_flag("--renew", options.renew, "write bench.json anew");
	command->callback([&] { status = run_bench_check(options); });

	command = app.add_subcommand("failover", "both modules' gap in I/O for each fault of a path");
	command->add_option("--rounds", options.rounds, "of each case")->check(CLI::PositiveNumber);
	command->add_option("--case", options.cases, "these only; else all that have no result yet");
	command->callback([&] { status = run_failover(options); });

	command = app.add_subcommand("detection", "how long a silent peer goes unnoticed, by ack_timeout");
	command->add_option("--rounds", options.rounds, "of each value")->check(CLI::PositiveNumber);
	command->callback([&] { status = run_detection(options); });

	command = app.add_subcommand("storm", "every fault over and over; goes on where it was interrupted");
	command->add_option("--suite", options.suite, kSuites);
	CLI::Option *seed = command->add_option("--seed", options.seed, "replay the part of this seed");
	for (auto [name, count] : {std::pair("--flaps", &options.counts.flaps),
				   std::pair("--kills", &options.counts.kills),
				   std::pair("--removals", &options.counts.removals),
				   std::pair("--unloads", &options.counts.unloads),
				   std::pair("--restarts", &options.counts.restarts)})
		command->add_option(name, *count, "instead of a part's")->needs(seed);
	command->callback([&] { status = run_storm(options); });

	try {
		app.parse(argc, argv);
	} catch (const CLI::ParseError &error) {
		return app.exit(error);
	} catch (const std::exception &error) {
		std::cerr << "lab: " << error.what() << std::endl;
		return 1;
	}
	return status;
}
