// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tools/bench.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include "lab/crowd.h"
#include "lab/error.h"
#include "lab/fio.h"
#include "lab/footprint.h"
#include "lab/initiator.h"
#include "lab/target.h"
#include "lab/transport.h"

namespace lab {

using nlohmann::json;
using std::chrono::minutes;
using Clock = std::chrono::steady_clock;

struct Load {
	const char *what, *words;
};

static constexpr Load kLoads[] = {
	{"4 KiB read, depth 1", "--rw=randread --bs=4k --iodepth=1"},
	{"4 KiB read, depth 32", "--rw=randread --bs=4k --iodepth=32"},
	{"4 KiB write, depth 32", "--rw=randwrite --bs=4k --iodepth=32"},
	{"128 KiB read, depth 8", "--rw=randread --bs=128k --iodepth=8"},
};
static constexpr Seconds kRun{1.5};
static constexpr unsigned kRounds = 2;
static constexpr unsigned kSessions[] = {1, 8, kCrowd}; // whose memory is looked at

static void add_round(json &fio, Vm &vm, Transport transport, const std::string &disk)
{
	std::vector<std::string> runs;

	for (const Load &load : kLoads)
		runs.push_back(fmt::format("--filename={} {}", disk, load.words));
	const std::vector<FioFigures> figures = measure_each(vm, runs, kRun);
	for (std::size_t i = 0; i < figures.size(); i++) {
		json &result = fio[kLoads[i].what][to_string(transport)];

		result["iops"].push_back(figures[i].iops);
		result["mean_us"].push_back(figures[i].mean_us);
		result["p99_us"].push_back(figures[i].p99_us);
	}
}

static ModuleKind module_of(Transport transport)
{
	return transport == Transport::ours ? ModuleKind::ours : ModuleKind::stock;
}

static void insert(Lab &lab, Transport transport)
{
	const ModuleKind kind = module_of(transport);

	if (lab.module() != kind) {
		if (lab.module() != ModuleKind::none)
			lab.unload();
		lab.insert(kind);
	}
}

static json measure_transports(Lab &lab, const Progress &progress)
{
	std::vector<Transport> order{Transport::ours, Transport::stock};
	json result;

	for (unsigned round = 0; round < kRounds; round++) {
		std::vector<Transport> transports = order;

		// Once is enough for those that nobody compares in a row.
		if (round == 0)
			transports.insert(transports.begin(), {Transport::nvme, Transport::tcp});
		for (Transport transport : transports) {
			progress(fmt::format("fio, round {}: {}", round + 1, to_string(transport)));
			if (transport == Transport::ours || transport == Transport::stock)
				insert(lab, transport);
			add_round(result, lab.initiator(), transport, attach(lab, transport)->disk());
		}
		std::ranges::reverse(order);
	}
	return result;
}

// The average stands in the last line of figures: of bandwidths it is the fourth word, of latencies the
// sixth.
static double average(const std::string &output, unsigned word)
{
	std::istringstream lines(output);
	std::string line, last;

	while (std::getline(lines, line))
		if (line.find_first_not_of(' ') != line.npos &&
		    std::isdigit(line[line.find_first_not_of(' ')]))
			last = line;
	std::istringstream words(last);
	for (unsigned i = 0; i < word; i++)
		words >> last;
	if (!words)
		fail("perftest said:\n{}", output);
	return std::stod(last);
}

// RDMA by user space alone: what the machines can do without storage.
static json measure_limit(Lab &lab)
{
	struct Test {
		const char *what, *words;
		unsigned word;
	};
	static constexpr Test kTests[] = {
		{"RDMA read, 4 KiB, us", "ib_read_lat -s 4096 -n 500", 6},
		{"RDMA write, 4 KiB, us", "ib_write_lat -s 4096 -n 500", 6},
		{"RDMA read, 128 KiB, MiB/s", "ib_read_bw -s 131072 -n 100", 4},
		{"RDMA write, 128 KiB, MiB/s", "ib_write_bw -s 131072 -n 100", 4},
	};
	json limit;

	for (Vm *vm : {&lab.initiator(), &lab.target()})
		vm->output("modprobe -a ib_uverbs rdma_ucm");
	for (const auto &[what, words, word] : kTests) {
		const Job server = lab.target().start(fmt::format("{} -R -F", words), minutes(1));

		// The server takes a moment to listen.
		limit[what] = average(lab.initiator()
					      .run(fmt::format("for i in $(seq 20); do {} -R -F {} && break; "
							       "sleep 0.5; done",
							       words, target_address(Path::A)),
						   minutes(1))
					      .both(),
				      word);
	}
	return limit;
}

static double timed(const std::function<void()> &step)
{
	const auto begin = Clock::now();

	step();
	return Seconds(Clock::now() - begin).count();
}

static json session_times(Lab &lab, Transport transport)
{
	std::unique_ptr<Attachment> attachment;
	json times;

	times["login"] = timed([&] { attachment = attach(lab, transport); });
	attachment->disk();
	times["reconnect"] = attachment->reconnect().count();
	times["logout"] = timed([&] { attachment.reset(); });
	return times;
}

// Memory by number of sessions, and with the last number what one that fails does to the others.
static json measure_crowd(Lab &lab, const Progress &progress)
{
	Vm &initiator = lab.initiator();
	json result;

	{
		CrowdLogin first(initiator, 1); // what stays when the first session has gone
	}
	for (unsigned sessions : kSessions) {
		const Footprint before = footprint(initiator);
		std::optional<CrowdLogin> login;
		json &row = result[std::to_string(sessions)];

		row["login"] = timed([&] { login.emplace(initiator, sessions); });
		row["memory"] = per_session(before, footprint(initiator), sessions);
		if (sessions == kCrowd) {
			const Stall stall = stall_of_others(lab, *login);

			result["stall"] = {{"before", stall.before.count()}, {"after", stall.after.count()}};
		}
		row["logout"] = timed([&] { login.reset(); });
		progress(fmt::format("{} sessions: {:.0f} KiB each", sessions,
				     row["memory"]["in all"].get<double>()));
	}
	return result;
}

static json size_of(const Image &image, Transport transport)
{
	const ModuleSize size = module_size(image, module_of(transport));

	return {{".text", size.text}, {".data", size.data}, {".bss", size.bss}};
}

// Maps of dm-multipath over one, two and four of a node's sessions, side by side, so that one fio can go from
// one to the other and back.
static json measure_sessions(Lab &lab)
{
	static constexpr unsigned kPaths[] = {1, 2, 4};
	Vm &initiator = lab.initiator();
	Login login(initiator, kBenchTarget, portal(Path::A), {{"node.session.nr_sessions", "4"}});
	std::vector<std::string> runs, disks;
	json result;

	initiator.output("modprobe -a dm_multipath dm_service_time");
	for (unsigned session : login.sessions())
		disks.push_back(login.disk_of(session, 0));
	for (unsigned paths : kPaths) {
		std::string table = fmt::format("0 131072 multipath 0 0 1 1 service-time 0 {} 2", paths);

		for (unsigned i = 0; i < paths; i++)
			table += fmt::format(" {} 1 1", disks.at(i));
		initiator.output(fmt::format("dmsetup create bench{} --table '{}'", paths, table));
	}
	for (unsigned round = 0; round < kRounds; round++)
		for (unsigned paths : kPaths)
			for (const char *mode : {"randread", "randwrite"})
				runs.push_back(fmt::format(
					"--filename=/dev/mapper/bench{} --rw={} --bs=4k --iodepth=16 "
					"--numjobs=2",
					paths, mode));
	const std::vector<FioFigures> figures = measure_each(initiator, runs, kRun);
	for (unsigned paths : kPaths)
		initiator.output(fmt::format("dmsetup remove --retry bench{}", paths));
	for (std::size_t i = 0; i < figures.size(); i++)
		result[i % 2 ? "write" : "read"][std::to_string(kPaths[i / 2 % std::size(kPaths)])].push_back(
			figures[i].iops);
	return result;
}

static json measure_elevators(Lab &lab)
{
	static constexpr const char *kElevators[] = {"none", "mq-deadline"};
	const auto attachment = attach(lab, Transport::ours);
	const std::string disk = attachment->disk();
	std::vector<std::string> runs;
	json result;

	for (unsigned round = 0; round < kRounds; round++)
		for (const char *elevator : kElevators)
			for (const char *mode : {"randread", "randwrite"})
				runs.push_back(fmt::format(
					"--filename={} --ioscheduler={} --rw={} --bs=4k --iodepth=32", disk,
					elevator, mode));
	const std::vector<FioFigures> figures = measure_each(lab.initiator(), runs, kRun);
	for (std::size_t i = 0; i < figures.size(); i++)
		result[i % 2 ? "write" : "read"][kElevators[i / 2 % std::size(kElevators)]].push_back(
			figures[i].iops);
	return result;
}

json measure_io(Lab &lab, const Progress &progress)
{
	json result;

	set_up_transports(lab);
	insert(lab, Transport::ours);
	// The RAM disk takes its memory when it is written to for the first time.
	lab.initiator().output(fmt::format("dd if=/dev/zero of={} bs=1M count=64 oflag=direct",
					   attach(lab, Transport::ours)->disk()));
	result["fio"] = measure_transports(lab, progress);
	progress("elevators");
	result["elevator"] = measure_elevators(lab);
	return result;
}

json measure_times(Lab &lab, const Progress &progress)
{
	json result;

	set_up_transports(lab);
	set_up_crowd(lab.target(), kCrowd);
	for (Transport transport : kTransports) {
		const bool iser = transport == Transport::ours || transport == Transport::stock;

		progress(fmt::format("sessions: {}", to_string(transport)));
		if (iser) {
			insert(lab, transport);
			result["sizes"][to_string(transport)] = size_of(lab.image(), transport);
		}
		result["sessions"][to_string(transport)] = session_times(lab, transport);
		if (iser)
			result["crowd"][to_string(transport)] = measure_crowd(lab, progress);
	}
	insert(lab, Transport::ours);
	progress("several sessions to one disk");
	result["nr_sessions"] = measure_sessions(lab);
	progress("perftest");
	result["limit"] = measure_limit(lab);
	return result;
}

struct Ratio {
	double mean = 0, least = 0, most = 0;
};

// Round by round; who was not in each was in the first.
static Ratio ratio(const json &figures, const json &base)
{
	Ratio found;

	for (std::size_t i = 0; i < figures.size(); i++) {
		const double one = figures[i].get<double>() / base[i].get<double>();

		found.mean += one / figures.size();
		found.least = i ? std::min(found.least, one) : one;
		found.most = std::max(found.most, one);
	}
	return found;
}

static std::string text_of(const Ratio &ratio)
{
	return fmt::format("{:.2f} ({:.2f} to {:.2f})", ratio.mean, ratio.least, ratio.most);
}

static std::string io_table(const json &fio)
{
	std::string text = "\n| as a ratio to stock: mean (least to most) | | ours | nvme_rdma | iscsi_tcp | "
			   "stock itself |\n"
			   "|---|---|---|---|---|---|\n";

	for (const Load &load : kLoads) {
		const json &of_load = fio[load.what];

		for (const auto &[figure, name] :
		     {std::pair("iops", "IOPS"), std::pair("mean_us", "mean, us"),
		      std::pair("p99_us", "p99, us")}) {
			const json &stock = of_load["stock"][figure];
			double mean = 0;

			text += fmt::format("| {} | {} |", load.what, name);
			for (Transport transport : {Transport::ours, Transport::nvme, Transport::tcp})
				text += " " + text_of(ratio(of_load[to_string(transport)][figure], stock)) +
					" |";
			for (const json &value : stock)
				mean += value.get<double>() / stock.size();
			text += fmt::format(" {:.0f} |\n", mean);
		}
	}
	return text;
}

static std::string memory_table(const json &crowd)
{
	static constexpr double kLeast = 4; // KiB; less is noise, and all of it is in the JSON file
	std::string text = "\n| KiB per session |";
	std::map<std::string, std::string> rows;

	for (Transport transport : {Transport::ours, Transport::stock})
		for (unsigned sessions : kSessions)
			text += fmt::format(" {}, {} |", to_string(transport), sessions);
	text += "\n|---|---|---|---|---|---|---|\n";
	const json &most = crowd["ours"][std::to_string(kCrowd)]["memory"];
	for (const auto &[place, kib] : most.items()) {
		const json &stock = crowd["stock"][std::to_string(kCrowd)]["memory"];

		if (kib.get<double>() < kLeast && stock.value(place, 0.0) < kLeast && !place.ends_with("s"))
			continue;
		text += fmt::format("| {} |", place);
		for (Transport transport : {Transport::ours, Transport::stock})
			for (unsigned sessions : kSessions)
				text += fmt::format(
					" {:.1f} |",
					crowd[to_string(transport)][std::to_string(sessions)]["memory"].value(
						place, 0.0));
		text += "\n";
	}
	return text;
}

static std::string session_table(const json &times)
{
	std::string text = "\n| seconds | ours | stock | nvme_rdma | iscsi_tcp |\n|---|---|---|---|---|\n";

	for (const char *step : {"login", "reconnect", "logout"}) {
		text += fmt::format("| {} |", step);
		for (Transport transport : kTransports)
			text += fmt::format(" {:.2f} |",
					    times["sessions"][to_string(transport)][step].get<double>());
		text += "\n";
	}
	for (const char *step : {"login", "logout"}) {
		for (unsigned sessions : kSessions) {
			text += fmt::format("| {} of {} |", step, sessions);
			for (Transport transport : {Transport::ours, Transport::stock})
				text += fmt::format(
					" {:.2f} |",
					times["crowd"][to_string(transport)][std::to_string(sessions)][step]
						.get<double>());
			text += " | |\n";
		}
	}
	text += fmt::format("| one of {} fails: the others' longest gap, and before |", kCrowd);
	for (Transport transport : {Transport::ours, Transport::stock}) {
		const json &stall = times["crowd"][to_string(transport)]["stall"];

		text += fmt::format(" {:.2f}, {:.2f} |", stall["after"].get<double>(),
				    stall["before"].get<double>());
	}
	return text + " | |\n";
}

static std::string ratio_table(const std::string &what, const json &figures, const std::string &base)
{
	std::string text =
		fmt::format("\n| {}, IOPS as a ratio to {} | reads | writes |\n|---|---|---|\n", what, base);

	for (const auto &[name, reads] : figures["read"].items())
		if (name != base)
			text += fmt::format("| {} | {} | {} |\n", name,
					    text_of(ratio(reads, figures["read"][base])),
					    text_of(ratio(figures["write"][name], figures["write"][base])));
	return text;
}

BarPanel iops_panel(const json &times)
{
	BarPanel panel{"IOPS as a ratio to stock's, of each round: mean, least and most", {}, {}};

	for (const Load &load : kLoads) {
		const json &of_load = times["fio"][load.what];

		panel.groups.push_back(load.what);
		panel.bars.emplace_back();
		for (Transport transport : kTransports) {
			const Ratio found =
				ratio(of_load[to_string(transport)]["iops"], of_load["stock"]["iops"]);

			panel.bars.back().push_back({found.mean, found.least, found.most});
		}
	}
	return panel;
}

std::string time_tables(const json &times)
{
	std::string text = io_table(times["fio"]) + session_table(times) + memory_table(times["crowd"]);

	text += ratio_table("sessions to one disk", times["nr_sessions"], "1");
	text += ratio_table("elevator", times["elevator"], "none");
	text += "\n| perftest | |\n|---|---|\n";
	for (const auto &[what, value] : times["limit"].items())
		text += fmt::format("| {} | {:.1f} |\n", what, value.get<double>());
	text += "\n| bytes | ours | stock |\n|---|---|---|\n";
	for (const char *section : {".text", ".data", ".bss"})
		text += fmt::format("| {} | {} | {} |\n", section,
				    times["sizes"]["ours"][section].get<long>(),
				    times["sizes"]["stock"][section].get<long>());
	return text;
}

} // namespace lab
