// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/fio.h"

#include <algorithm>
#include <sstream>

#include <nlohmann/json.hpp>

#include "lab/error.h"
#include "lab/eventually.h"

namespace lab {

using std::chrono::minutes;

std::string fio_command(const std::string &disk, const std::string &rest)
{
	return fmt::format("cd /tmp && fio --name=lab --filename={} --direct=1 --ioengine=libaio "
			   "--allow_file_create=0 --group_reporting {}",
			   disk, rest);
}

void await_io(Vm &vm, const std::string &disk)
{
	const std::string in_flight = fmt::format(
		"awk '{{print $9}}' /sys/block/$(basename $(readlink -f {}))/stat", disk);

	if (!eventually([&] { return std::stoul(vm.output(in_flight)) > 0; }, std::chrono::seconds(60)))
		fail("{}: no I/O begins", disk);
}

CommandResult verify_disk(Vm &vm, const std::string &disk, unsigned depth, const std::string &size)
{
	return vm.run(fio_command(disk, fmt::format("--rw=randwrite --bsrange=512-1M "
						    "--blockalign=512 --iodepth={} --size={} "
						    "--verify=crc32c --verify_fatal=1",
						    depth, size)),
		      minutes(5));
}

static FioFigures figures_of(const nlohmann::json &job)
{
	const auto &side = job["read"]["total_ios"].get<std::int64_t>() ? job["read"] : job["write"];

	return {side["iops"], side["bw_bytes"].get<double>() / (1 << 20),
		side["clat_ns"]["mean"].get<double>() / 1000,
		side["clat_ns"]["percentile"]["99.000000"].get<double>() / 1000};
}

static nlohmann::json jobs_of(const std::string &output)
{
	return nlohmann::json::parse(output.substr(output.find('{')))["jobs"];
}

FioFigures measure(Vm &vm, const std::string &disk, const std::string &mode, const std::string &block,
		   unsigned depth, unsigned run_seconds)
{
	const std::string text = vm.output(
		fio_command(disk, fmt::format("--rw={} --bs={} --iodepth={} --size=256M --time_based "
					      "--ramp_time=1 --runtime={} --norandommap "
					      "--output-format=json",
					      mode, block, depth, run_seconds)),
		minutes(3));
	return figures_of(jobs_of(text)[0]);
}

std::vector<FioFigures> measure_each(Vm &vm, const std::vector<std::string> &runs, Seconds each)
{
	std::string words = fmt::format(
		"--name=global --thread --direct=1 --ioengine=libaio --allow_file_create=0 --size=64M --time_based "
		"--ramp_time=500ms --runtime={:.0f}ms --norandommap --output-format=json",
		each.count() * 1000);
	std::vector<FioFigures> figures;

	for (std::size_t i = 0; i < runs.size(); i++)
		words += fmt::format(" --name=run{} --stonewall --group_reporting {}", i, runs[i]);
	for (const auto &job : jobs_of(vm.output("cd /tmp && fio " + words, minutes(5))))
		figures.push_back(figures_of(job));
	return figures;
}

// The writer's and the reader's areas do not overlap.
// Interrupted, fio ends with 128 whatever has happened before.
BackgroundIo::BackgroundIo(Vm &vm, const std::string &disk, std::chrono::seconds limit)
	: vm_(vm), job_(vm.start(fmt::format(R"(cd /tmp; rm -f gap*
fio --allow_file_create=0 --direct=1 --ioengine=libaio --time_based --runtime={0} --filename={1} \
	--name=writer --rw=randwrite --bs=4k --iodepth=4 --size=32M \
	--verify=crc32c --verify_backlog=128 --verify_fatal=1 \
	--name=reader --rw=randread --bs=4k --iodepth=4 --offset=64M --size=64M \
	--norandommap --write_lat_log=gap --log_max_value=1 --log_unix_epoch=1 >gap.out 2>&1
status=$?
cat gap.out
test $status = 128 || exit $status
! grep -q 'err= *[1-9]' gap.out)",
					     limit.count(), disk),
				 limit + minutes(3)))
{
}

CommandResult BackgroundIo::finish()
{
	vm_.run("pkill -INT -x -o fio");
	return job_.wait();
}

std::vector<Completion> BackgroundIo::reads()
{
	// A file for each job.
	return parse_completions(vm_.output("cat /tmp/gap_clat.*.log | cut -d, -f1,2"));
}

std::vector<Completion> parse_completions(const std::string &text)
{
	std::istringstream lines(text);
	std::vector<Completion> reads;
	double milliseconds, nanoseconds;
	char comma;

	while (lines >> milliseconds >> comma >> nanoseconds)
		reads.push_back({milliseconds / 1e3, nanoseconds / 1e9});
	if (!lines.eof())
		fail("fio's log cannot be read after {} completions", reads.size());
	std::ranges::sort(reads, {}, &Completion::at);
	return reads;
}

// Read at the end, a late write of a block shows; read soon after, one that was lost and replaced.
VerifiedPasses::VerifiedPasses(Vm &vm, const std::string &disk, unsigned mib,
			       std::chrono::seconds limit)
	: vm_(vm), job_(vm.start(fmt::format(R"(cd /tmp; rm -f storm.over; pass=0
until test -e storm.over; do
	pass=$((pass + 1))
	fio --allow_file_create=0 --direct=1 --ioengine=libaio --filename={0} --randseed=$pass \
		--rw=randwrite --verify=crc32c --verify_fatal=1 \
		--name=late --bs=4k --iodepth=8 --size={1}M \
		--name=soon --bsrange=512-256k --blockalign=512 --iodepth=4 --offset=32M --size={2}M \
		--verify_backlog=64 >pass.log 2>&1 || {{ echo "pass $pass"; cat pass.log; exit 1; }}
done
echo $pass)",
					     disk, mib, 4 * mib),
				 limit))
{
}

unsigned VerifiedPasses::finish()
{
	vm_.output("touch /tmp/storm.over");
	return std::stoul(job_.wait().checked().out);
}

Gap longest_gap(const std::vector<Completion> &reads, double since, double before)
{
	Gap longest;

	for (std::size_t i = 1; i < reads.size(); i++) {
		const Gap gap{reads[i - 1].at, Seconds(reads[i].at - reads[i - 1].at)};

		if (gap.until() > since && gap.from < before && gap.length > longest.length)
			longest = gap;
	}
	return longest;
}

Gap longest_wait(const std::vector<Completion> &reads, double since, double before)
{
	Gap longest = longest_gap(reads, since, before);

	for (const Completion &read : reads) {
		const Gap wait{read.at - read.took, Seconds(read.took)};

		if (wait.until() > since && wait.from < before && wait.length > longest.length)
			longest = wait;
	}
	return longest;
}

} // namespace lab
