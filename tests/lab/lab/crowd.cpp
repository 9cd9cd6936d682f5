// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/crowd.h"

#include <algorithm>
#include <limits>
#include <map>
#include <sstream>
#include <thread>

#include "lab/error.h"
#include "lab/eventually.h"
#include "lab/initiator.h"
#include "lab/target.h"
#include "lab/undo.h"

namespace lab {

using Clock = std::chrono::steady_clock;
using std::chrono::minutes;
using std::chrono::seconds;

static constexpr seconds kBefore{25}, kDisabled{15}, kAfter{15}, kComeBack{60};

CrowdLogin::CrowdLogin(Vm &initiator, unsigned count) : initiator_(initiator), count_(count)
{
	std::string script = "set -e\n";

	for (unsigned i = 0; i < count; i++)
		script += fmt::format("iscsiadm -m node -T {} -p {} -I iser -o new >/dev/null\n", crowd_target(i),
				      crowd_portal(i));
	try {
		initiator.output(script + "iscsiadm -m node --login", minutes(5));
		if (!eventually([&] { return find_disks(); }, seconds(60), seconds(1)))
			fail("{} of {} sessions have a disk", disks_.size(), count);
	} catch (const Error &) {
		log_out();
		throw;
	}
}

CrowdLogin::~CrowdLogin()
{
	log_out();
}

unsigned CrowdLogin::logged_in()
{
	return std::stoul(initiator_.output("grep -l LOGGED_IN /sys/class/iscsi_session/*/state | wc -l"));
}

static unsigned number_of(const std::string &target)
{
	return std::stoul(target.substr(crowd_target(0).size() - 1));
}

// Lines such as "…lab:crowd17 sdr".
bool CrowdLogin::find_disks()
{
	std::istringstream lines(initiator_.output(
		"cd /sys/class/iscsi_session && for s in *; do\n"
		"echo $(cat $s/targetname) $(ls $s/device/target*/*:0/block); done 2>/dev/null || :"));
	std::string target, disk, line;

	disks_.clear();
	while (std::getline(lines, line)) {
		std::istringstream words(line);

		if (words >> target >> disk)
			disks_[number_of(target)] = "/dev/" + disk;
	}
	return disks_.size() == count_;
}

void CrowdLogin::log_out() noexcept
{
	undo([this] { initiator_.run("iscsiadm -m node -U all; iscsiadm -m node -o delete", minutes(5)); });
}

// One fio for all. The targets share a disk, of which each has an area of its own.
class CrowdIo {
public:
	CrowdIo(Vm &vm, const std::map<unsigned, std::string> &disks, seconds length)
		: vm_(vm), job_(start(vm, disks, length))
	{
	}

	CommandResult wait() { return job_.wait(); }
	std::vector<Completion> reads(unsigned number)
	{
		return parse_completions(
			vm_.output(fmt::format("cat /tmp/crowd{}_clat.*.log | cut -d, -f1,2", number)));
	}

private:
	static Job start(Vm &vm, const std::map<unsigned, std::string> &disks, seconds length)
	{
		std::string text = fmt::format("[global]\nthread=1\ndirect=1\nioengine=libaio\niodepth=1\n"
					       "allow_file_create=0\ntime_based=1\nruntime={}\nbs=4k\n"
					       "rw=randwrite\nrate_iops=4\nverify=crc32c\nverify_backlog=1\n"
					       "verify_fatal=1\nsize=4M\nlog_unix_epoch=1\n",
					       length.count());

		for (const auto &[number, disk] : disks)
			text += fmt::format("[crowd{0}]\nfilename={1}\noffset={2}M\nwrite_lat_log=crowd{0}\n",
					    number, disk, number * 4);
		vm.put(text, "/tmp/crowd.fio");
		return vm.start("cd /tmp && rm -f crowd*.log && fio crowd.fio", length + minutes(4));
	}

	Vm &vm_;
	Job job_;
};

Stall stall_of_others(Lab &lab, const CrowdLogin &login)
{
	static constexpr seconds kCalm{6}, kStart{20};
	static constexpr unsigned kVictim = 5;
	Vm &initiator = lab.initiator();
	Stall stall{};
	const std::string writes = fmt::format("awk '{{ print $5 }}' /sys/block/{}/stat",
					       login.disks().rbegin()->second.substr(5));
	const std::string before = initiator.output(writes);
	CrowdIo io(initiator, login.disks(), kStart + kCalm + kCalm);

	if (!eventually([&] { return initiator.output(writes) != before; }, seconds(60)))
		fail("no I/O begins");
	std::this_thread::sleep_for(seconds(2) + kCalm);
	const double begin = clock_of(initiator);
	enable_crowd_target(lab.target(), kVictim, false);
	std::this_thread::sleep_for(kCalm);
	const double end = clock_of(initiator);
	enable_crowd_target(lab.target(), kVictim, true);
	io.wait().checked();
	for (const auto &[number, disk] : login.disks()) {
		if (number == kVictim)
			continue;
		const std::vector<Completion> completions = io.reads(number);

		stall.before = std::max(stall.before,
					longest_gap(completions, begin - Seconds(kCalm).count(), begin).length);
		stall.after = std::max(stall.after, longest_gap(completions, begin, end).length);
	}
	return stall;
}

static FailoverRound run_round(Lab &lab, ModuleTrace &trace, CrowdLogin &login, unsigned victim)
{
	FailoverRound round;
	CrowdIo io(lab.initiator(), login.disks(), seconds(30) + kBefore + kDisabled + kAfter);

	await_io(lab.initiator(), login.disks().rbegin()->second);
	std::this_thread::sleep_for(seconds(5) + kBefore);
	trace.begin();
	round.begin = clock_of(lab.initiator());
	enable_crowd_target(lab.target(), victim, false);
	std::this_thread::sleep_for(kDisabled);
	round.end = clock_of(lab.initiator());
	enable_crowd_target(lab.target(), victim, true);
	const auto mended = Clock::now();
	round.recovered = eventually([&] { return login.logged_in() == kCrowd; }, kComeBack);
	round.recovery = Clock::now() - mended;
	io.wait().checked();
	round.marks = trace.marks();
	for (const auto &[number, disk] : login.disks()) {
		if (number == victim)
			continue;
		const std::vector<Completion> reads = io.reads(number);

		check_reads(round, reads);
		const auto widen = [&](Seconds &gap, double since, double before) {
			gap = std::max(gap, longest_gap(reads, since, before).length);
		};

		widen(round.gap_before, round.begin - Seconds(kBefore).count(), round.begin - 1);
		widen(round.gap_at_fault, round.begin, round.end);
		widen(round.gap_at_end, round.end, std::numeric_limits<double>::infinity());
		round.reads.insert(round.reads.end(), reads.begin(), reads.end());
	}
	std::ranges::sort(round.reads, {}, &Completion::at);
	if (const Mark *failure = first_failure(round.marks, target_address(Path::A), round.begin))
		round.failed_after = Seconds(failure->at - round.begin);
	return round;
}

FailoverReport fail_one_of_many(Lab &lab, unsigned rounds, const Progress &progress)
{
	return report_of(lab, [&](FailoverReport &report) {
		ModuleTrace trace(lab);
		CrowdLogin login(lab.initiator());

		for (unsigned i = 0; i < rounds; i++) {
			const unsigned victim = (i * 13 + 5) % kCrowd;

			progress(fmt::format("round {} of {}: {} sessions, target {} disabled for {} s", i + 1,
					     rounds, kCrowd, victim, kDisabled.count()));
			report.rounds.push_back(run_round(lab, trace, login, victim));
			progress(report.rounds.back().story());
		}
	});
}

} // namespace lab
