// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tools/instructions.h"

#include <cmath>
#include <iostream>
#include <span>

#include <fmt/format.h>

#include "lab/files.h"
#include "lab/instructions.h"
#include "lab/transport.h"

namespace lab {

using nlohmann::json;

struct Load {
	const char *what, *direction;
	unsigned kib, depth;
	const char *how;
	unsigned few; // I/Os of a short run; a long one has nine times as many
};

// The first ones are those of the check.
static constexpr Load kLoads[] = {
	{"4 KiB read, depth 1", "read", 4, 1, "each", 32},
	{"4 KiB read, 32 at once", "read", 4, 32, "batch", 64},
	{"4 KiB write, depth 32", "write", 4, 32, "each", 64},
	{"128 KiB read, depth 32", "read", 128, 32, "each", 32},
	{"128 KiB write, depth 1", "write", 128, 1, "each", 8},
	{"4 KiB read, depth 32", "read", 4, 32, "each", 64},
	{"4 KiB write, depth 1", "write", 4, 1, "each", 32},
	{"4 KiB write, 32 at once", "write", 4, 32, "batch", 64},
	{"128 KiB read, depth 1", "read", 128, 1, "each", 8},
	{"128 KiB write, depth 32", "write", 128, 32, "each", 32},
	{"1 MiB read, depth 1", "read", 1024, 1, "each", 4},
	{"1 MiB read, depth 32", "read", 1024, 32, "each", 8},
	{"1 MiB write, depth 1", "write", 1024, 1, "each", 4},
	{"1 MiB write, depth 32", "write", 1024, 32, "each", 8},
};
static constexpr std::span kCheckedLoads(kLoads, 5);
static constexpr double kTolerance = 0.02;

static Costs run(Vm &vm, const CostMeter &meter, const std::string &disk, const Load &load, unsigned ios)
{
	const Costs before = meter.read();

	vm.output(fmt::format("ios {} {} {} {} {} {}", disk, load.direction, load.kib * 1024, load.depth, ios,
			      load.how),
		  std::chrono::minutes(2));
	return meter.read() - before;
}

// What is asked of the RDMA device, told by what its driver and the core do for each. A send takes a sequence
// number by an atomic addition, and nothing else in rxe_post_send() is atomic; a completion event is where an
// HCA interrupts.
struct RdmaCount {
	const char *what, *module, *function;
	std::int64_t Cost::*count;
};
static constexpr RdmaCount kRdma[] = {
	{"work requests", "rdma_rxe", "rxe_post_send", &Cost::atomics},
	{"work requests", "rdma_rxe", "rxe_requester > rxe_reg_fast_mr", &Cost::calls},
	{"work requests", "rdma_rxe", "rxe_requester > rxe_invalidate_mr", &Cost::calls},
	{"work requests", "rdma_rxe", "post_one_recv", &Cost::calls},
	{"doorbells", "rdma_rxe", "rxe_post_send", &Cost::calls},
	{"doorbells", "rdma_rxe", "rxe_post_recv", &Cost::calls},
	{"completions", "rdma_rxe", "rxe_cq_post", &Cost::calls},
	{"completion events", "ib_core", "ib_cq_completion_softirq", &Cost::calls},
	{"completion events", "ib_core", "ib_cq_completion_workqueue", &Cost::calls},
};

static json each(const Costs &costs, double ios)
{
	json result{{"rdma", json::object()}};

	for (const auto &[module, functions] : costs) {
		const Cost sum = total(costs, module);

		if (sum.instructions < ios)
			continue;
		result["instructions"][module] = sum.instructions / ios;
		result["atomics"][module] = sum.atomics / ios;
		result["locks"][module] = sum.locks / ios;
		for (const auto &[function, cost] : functions)
			if (cost.instructions >= ios)
				result["functions"][module][function] = cost.instructions / ios;
	}
	for (const auto &[what, module, function, count] : kRdma)
		result["rdma"][what] =
			result["rdma"].value(what, 0.0) + cost_of(costs, module, function).*count / ios;
	return result;
}

// What a run costs beside its I/Os, from the program's start to what is still under way at its end, goes with
// the difference.
static json per_io(Vm &vm, const CostMeter &meter, const std::string &disk, const Load &load)
{
	const unsigned few = load.few, many = 9 * load.few;

	run(vm, meter, disk, load, few); // first uses of the path
	const Costs few_cost = run(vm, meter, disk, load, few);

	return each(run(vm, meter, disk, load, many) - few_cost, many - few);
}

static double own(const json &costs, const char *what, Transport transport)
{
	return costs[what].value(modules(transport)[0], 0.0);
}

static json of_loads(Lab &lab, Transport transport, std::span<const Load> loads, const Progress &progress)
{
	const std::unique_ptr<Attachment> attachment = attach(lab, transport);
	const std::string disk = attachment->disk();
	const CostMeter meter(lab.initiator());
	json result;

	for (const Load &load : loads) {
		result[load.what] = per_io(lab.initiator(), meter, disk, load);
		progress(fmt::format("{}, {}: {:.1f} instructions per I/O", to_string(transport), load.what,
				     own(result[load.what], "instructions", transport)));
	}
	return result;
}

static void insert(Lab &lab, Transport transport)
{
	if (transport != Transport::ours && transport != Transport::stock)
		return;
	if (lab.module() != ModuleKind::none)
		lab.unload();
	lab.insert(transport == Transport::ours ? ModuleKind::ours : ModuleKind::stock);
}

// The second time, for the modules are loaded with the first.
static json of_sessions(Lab &lab, Transport transport)
{
	const CostMeter meter(lab.initiator());
	std::vector<Costs> marks{meter.read()};
	const auto mark = [&] {
		lab.initiator().output("udevadm settle");
		marks.push_back(meter.read());
	};

	{
		const std::unique_ptr<Attachment> attachment = attach(lab, transport);

		attachment->disk();
		mark();
		attachment->reconnect();
		mark();
	}
	mark();
	return {{"login", each(marks[1] - marks[0], 1)},
		{"reconnect", each(marks[2] - marks[1], 1)},
		{"logout", each(marks[3] - marks[2], 1)}};
}

struct Submitter {
	const char *what, *command;
};
static constexpr Submitter kSubmitters[] = {
	{"fio, libaio",
	 "fio --name=lab --filename=$disk --direct=1 --rw=randread --bs=4k --size=64M --number_ios=2000 "
	 "--iodepth=32 --ioengine=libaio"},
	{"fio, io_uring", "fio --name=lab --filename=$disk --direct=1 --rw=randread --bs=4k --size=64M "
			  "--number_ios=2000 --iodepth=32 --ioengine=io_uring"},
	{"fio, io_uring, --iodepth_batch_submit=16",
	 "fio --name=lab --filename=$disk --direct=1 --rw=randread --bs=4k --size=64M --number_ios=2000 "
	 "--iodepth=32 "
	 "--ioengine=io_uring --iodepth_batch_submit=16"},
	{"32 in one io_submit", "ios $disk read 4096 32 2048 batch"},
};

// How many commands come to the host, and how many of them with the word that no other follows at once
// (blk_mq_queue_data.last). One CPU only: a probe changes the kernel's text (UPSTREAM.md, "Code that is
// changed while it runs").
static json measure_batches(Vm &vm, const std::string &disk)
{
	json result;

	vm.output("cd /sys/kernel/tracing && echo 0 >options/record-cmd &&\n"
		  "echo 'p:batch scsi_queue_rq last=+8(%si):u8' >kprobe_events");
	for (const auto &[what, command] : kSubmitters) {
		std::istringstream counts(vm.output(
			fmt::format("disk={}; trigger=/sys/kernel/tracing/events/kprobes/batch/trigger\n"
				    "echo hist:keys=last >$trigger; {} >/dev/null\n"
				    "sed -n 's/^{{ last: *\\([01]\\) }} hitcount: *\\([0-9]*\\)/\\1 \\2/p' "
				    "/sys/kernel/tracing/events/kprobes/batch/hist\n"
				    "echo '!hist:keys=last' >$trigger",
				    disk, command),
			std::chrono::minutes(2)));
		std::int64_t last, count;

		result[what] = {{"commands", 0}, {"batches", 0}};
		while (counts >> last >> count) {
			result[what]["commands"] = result[what]["commands"].get<std::int64_t>() + count;
			if (last)
				result[what]["batches"] = count;
		}
	}
	vm.output("echo >/sys/kernel/tracing/kprobe_events");
	return result;
}

json measure_costs(Lab &lab, const Progress &progress)
{
	json result;

	set_up_transports(lab);
	for (Transport transport : kTransports) {
		insert(lab, transport);
		result["I/O"][to_string(transport)] = of_loads(lab, transport, kLoads, progress);
		result["sessions"][to_string(transport)] = of_sessions(lab, transport);
		if (transport == Transport::ours)
			result["batches"] = measure_batches(lab.initiator(), attach(lab, transport)->disk());
	}
	return result;
}

static std::string row(const std::string &what, const json &by_transport,
		       const std::function<std::string(const json &, Transport)> &cell)
{
	std::string text = "| " + what + " |";

	for (Transport transport : kTransports)
		text += " " + cell(by_transport[to_string(transport)], transport) + " |";
	return text + "\n";
}

static std::string head(const std::string &what)
{
	std::string text = "\n| " + what + " |", rule = "|---|";

	for (Transport transport : kTransports) {
		text += fmt::format(" {} |", to_string(transport));
		rule += "---|";
	}
	return text + "\n" + rule + "\n";
}

// Of the module itself, and of those below it that only it has asked for something.
static std::string own_and_others(const json &costs, const char *what, Transport transport)
{
	double others = 0;

	for (const std::string &module : modules(transport))
		others += costs[what].value(module, 0.0);
	const double itself = own(costs, what, transport);

	return fmt::format("{:.1f} + {:.1f}", itself, others - itself);
}

std::string cost_tables(const json &costs)
{
	std::string text;

	for (const char *what : {"instructions", "atomics", "locks"}) {
		text += head(fmt::format("{} per I/O, the module itself + its libraries", what));
		for (const Load &load : kLoads) {
			json by_transport;

			for (Transport transport : kTransports)
				by_transport[to_string(transport)] =
					costs["I/O"][to_string(transport)][load.what];
			text += row(load.what, by_transport, [&](const json &cost, Transport transport) {
				return own_and_others(cost, what, transport);
			});
		}
	}
	text += head("work requests / doorbells / completions / completion events per I/O");
	for (const Load &load : kLoads) {
		json by_transport;

		for (Transport transport : kTransports)
			by_transport[to_string(transport)] = costs["I/O"][to_string(transport)][load.what];
		text += row(load.what, by_transport, [](const json &cost, Transport transport) {
			const json &rdma = cost["rdma"];

			if (transport == Transport::tcp)
				return std::string("none");
			return fmt::format("{:.2f} / {:.2f} / {:.2f} / {:.2f}",
					   rdma["work requests"].get<double>(),
					   rdma["doorbells"].get<double>(), rdma["completions"].get<double>(),
					   rdma["completion events"].get<double>());
		});
	}
	text += "\n| 4 KiB reads, depth 32 | commands per batch |\n|---|---|\n";
	for (const auto &[what, batches] : costs["batches"].items())
		text += fmt::format("| {} | {:.1f} |\n", what,
				    batches["commands"].get<double>() / batches["batches"].get<double>());
	text += head("instructions of the module itself + its libraries");
	for (const char *step : {"login", "reconnect", "logout"}) {
		json by_transport;

		for (Transport transport : kTransports)
			by_transport[to_string(transport)] = costs["sessions"][to_string(transport)][step];
		text += row(step, by_transport, [](const json &cost, Transport transport) {
			return own_and_others(cost, "instructions", transport);
		});
	}
	return text;
}

BarPanel instructions_panel(const json &costs)
{
	BarPanel panel{"instructions per I/O, of the module itself", {}, {}};

	for (const Load &load : kLoads) {
		panel.groups.push_back(load.what);
		panel.bars.emplace_back();
		for (Transport transport : kTransports) {
			const double count =
				own(costs["I/O"][to_string(transport)][load.what], "instructions", transport);

			panel.bars.back().push_back({count, count, count});
		}
	}
	return panel;
}

// What does not depend on when things happen.
static json exact(const json &costs)
{
	json result;

	for (const char *what : {"instructions", "atomics", "locks"})
		result[what] = own(costs, what, Transport::ours);
	for (const char *what : {"work requests", "doorbells", "completions"})
		result[what] = costs["rdma"][what];
	result["functions"] = costs["functions"][modules(Transport::ours)[0]];
	return result;
}

static json checked_costs(Lab &lab, const Progress &progress)
{
	json result;

	set_up_transports(lab);
	insert(lab, Transport::ours);
	const json costs = of_loads(lab, Transport::ours, kCheckedLoads, progress);
	for (const Load &load : kCheckedLoads)
		result[load.what] = exact(costs[load.what]);
	return result;
}

static void print_functions(const json &was, const json &now)
{
	for (const auto &[function, count] : now.items()) {
		const double before = was.value(function, 0.0), after = count.get<double>();

		if (after > before + 0.5)
			std::cout << fmt::format("    {}: {:.1f}, was {:.1f}\n", function, after, before);
	}
}

int check_costs(Lab &lab, const std::filesystem::path &saved, const Progress &progress)
{
	const json was = json::parse(read_file(saved)), now = checked_costs(lab, progress);
	unsigned passed = 0, failed = 0;
	std::string first;

	for (const auto &[load, costs] : now.items()) {
		for (const auto &[what, count] : costs.items()) {
			if (what == "functions")
				continue;
			const double before = was.at("loads").at(load).at(what), after = count.get<double>();
			const bool grown = after > before * (1 + kTolerance);

			std::cout << fmt::format("{} {}: {} per I/O {:.2f}, saved {:.2f}\n",
						 grown ? "GROWN" : "kept ", load, what, after, before);
			if (grown && what == "instructions")
				print_functions(was["loads"][load]["functions"], costs["functions"]);
			grown ? failed++ : passed++;
			if (grown && first.empty())
				first = fmt::format("{}: {}", load, what);
		}
	}
	std::cout << fmt::format("compared with {} (kernel {}); `lab bench-check --renew` writes it anew\n",
				 saved.string(), was.at("kernel").get<std::string>());
	if (failed)
		std::cout << "look first: " << first << "\n";
	std::cout << fmt::format("{} passed, {} failed", passed, failed) << std::endl;
	return failed ? 1 : 0;
}

void renew_costs(Lab &lab, const std::filesystem::path &saved, const Progress &progress)
{
	const json costs{{"kernel", lab.image().release()}, {"loads", checked_costs(lab, progress)}};

	replace_file(saved, costs.dump(1, '\t') + "\n");
	std::cout << "written: " << saved.string() << std::endl;
}

} // namespace lab
