// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tools/instructions.h"

#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lab/files.h"
#include "lab/fio.h"
#include "lab/initiator.h"
#include "lab/instructions.h"
#include "lab/target.h"

namespace lab {

using std::chrono::minutes;

struct Workload {
	const char *what, *mode, *block;
	unsigned depth;
};

static constexpr Workload kWorkloads[] = {
	{"4 KiB read, depth 1", "randread", "4k", 1},	  {"4 KiB read, depth 32", "randread", "4k", 32},
	{"4 KiB write, depth 1", "randwrite", "4k", 1},	  {"4 KiB write, depth 32", "randwrite", "4k", 32},
	{"128 KiB read, depth 8", "randread", "128k", 8}, {"128 KiB write, depth 8", "randwrite", "128k", 8},
};

struct Sample {
	Instructions instructions;
	std::int64_t commands;
};

static std::int64_t commands(Vm &vm, const std::string &disk)
{
	return std::stoll(vm.output("awk '{ print $1 + $5 + $12 + $16 }' /sys/block/" + disk.substr(5) + "/stat"));
}

static Sample of_ios(Vm &vm, const std::string &disk, const Workload &load, unsigned ios)
{
	const Instructions before = count_instructions(vm);
	const std::int64_t commands_before = commands(vm, disk);

	vm.output(fio_command(disk, fmt::format("--rw={} --bs={} --iodepth={} --size=256M --number_ios={} "
						"--norandommap",
						load.mode, load.block, load.depth, ios)),
		  minutes(3));
	// udev has a look at a disk that has been written to.
	vm.output("udevadm settle");
	return {count_instructions(vm) - before, commands(vm, disk) - commands_before};
}

// What a run of fio costs beside its I/Os, its own looks at the disk and udev's, goes with the difference.
static Sample of_many(Vm &vm, const std::string &disk, const Workload &load)
{
	static constexpr unsigned kFew = 64, kMany = 576;

	of_ios(vm, disk, load, kFew); // first uses of the path, and of fio
	const Sample few = of_ios(vm, disk, load, kFew), many = of_ios(vm, disk, load, kMany);

	return {many.instructions - few.instructions, many.commands - few.commands};
}

static nlohmann::json per_io(const Sample &sample)
{
	nlohmann::json modules;

	for (const char *module : {"ib_iser", "libiscsi", "scsi_transport_iscsi"}) {
		nlohmann::json &functions = modules[module]["functions"];

		modules[module]["total"] = static_cast<double>(total(sample.instructions, module)) / sample.commands;
		if (!sample.instructions.contains(module))
			continue;
		for (const auto &[function, count] : sample.instructions.at(module))
			if (count >= sample.commands)
				functions[function] = static_cast<double>(count) / sample.commands;
	}
	return modules;
}

void measure_instructions(Lab &lab, const std::filesystem::path &report, const Progress &progress)
{
	nlohmann::json result;

	for (ModuleKind kind : {ModuleKind::ours, ModuleKind::stock}) {
		if (lab.module() != ModuleKind::none)
			lab.unload();
		lab.insert(kind);
		// Nobody pings.
		Login login(lab.initiator(), kPlainTarget, portal(Path::A),
			    {{"node.conn[0].timeo.noop_out_interval", "0"},
			     {"node.conn[0].timeo.noop_out_timeout", "0"}});
		const std::string disk = login.disk();

		for (const Workload &load : kWorkloads) {
			nlohmann::json &counts = result[load.what][to_string(kind)];

			counts = per_io(of_many(lab.initiator(), disk, load));
			progress(fmt::format("{}, {}: {:.1f} instructions per I/O", to_string(kind), load.what,
					     counts["ib_iser"]["total"].get<double>()));
		}
	}
	write_file(report, result.dump(1) + "\n");
	std::cout << "| instructions per I/O in the module's own text | stock | ours | libiscsi, under ours |\n"
		     "|---|---|---|---|\n";
	for (const Workload &load : kWorkloads)
		std::cout << fmt::format("| {} | {:.1f} | {:.1f} | {:.1f} |\n", load.what,
					 result[load.what]["stock"]["ib_iser"]["total"].get<double>(),
					 result[load.what]["ours"]["ib_iser"]["total"].get<double>(),
					 result[load.what]["ours"]["libiscsi"]["total"].get<double>());
	std::cout << "by function: " << report.string() << std::endl;
}

} // namespace lab
