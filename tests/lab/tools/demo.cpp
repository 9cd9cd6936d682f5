// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tools/demo.h"

#include <functional>
#include <iostream>
#include <vector>

#include <fmt/format.h>

#include "lab/console.h"
#include "lab/error.h"
#include "lab/failover.h"
#include "lab/files.h"
#include "lab/fio.h"
#include "lab/initiator.h"
#include "lab/lab.h"
#include "lab/target.h"
#include "tools/picture.h"

namespace lab {

using Clock = std::chrono::steady_clock;

// Tells each step with the time since the beginning, and keeps the lines of the summary.
class Story {
public:
	void tell(const std::string &text) const
	{
		std::cout << fmt::format("demo [{:5.1f} s] {}", elapsed(), text) << std::endl;
	}
	void remember(const std::string &what, const std::string &value)
	{
		tell(what + ": " + value);
		summary_ += fmt::format("  {:44} {}\n", what, value);
	}
	void remember_time(const std::string &what, const std::function<void()> &step)
	{
		const auto started = Clock::now();

		step();
		remember(what, fmt::format("{:.1f} s", Seconds(Clock::now() - started).count()));
	}
	double elapsed() const { return Seconds(Clock::now() - started_).count(); }
	const std::string &summary() const { return summary_; }

private:
	Clock::time_point started_ = Clock::now();
	std::string summary_;
};

static void show_io(Story &story, Vm &initiator, const std::string &disk)
{
	story.remember("verified random writes", [&] {
		verify_disk(initiator, disk, 16, "16M").checked();
		return "512 B to 1 MiB, read back and equal (crc32c)";
	}());
	for (unsigned depth : {1u, 32u}) {
		const FioFigures figures = measure(initiator, disk, "randread", "4k", depth, 4);

		story.remember(fmt::format("4 KiB reads, queue depth {}", depth),
			       fmt::format("{:.0f} IOPS, {:.0f} us", figures.iops, figures.mean_us));
	}
}

static FailoverReport pull_cable(Story &story, Lab &lab)
{
	FailoverReport report = fail_over(lab, cable_at_initiator(), tuned(), 1,
					  [&](const std::string &text) { story.tell(text); });

	story.remember(fmt::format("cable pulled under dm-multipath, {}", to_string(lab.module())),
		       report.rounds.empty()
			       ? report.story()
			       : fmt::format("a read waited {:.2f} s at most, {}", report.longest_gap().count(),
					     report.io_verified ? "data verified" : report.story()));
	return report;
}

static FailoverRound show_failover(Story &story, Lab &lab)
{
	const FailoverReport report = pull_cable(story, lab);

	if (!report.io_verified || !report.rounds[0].recovered)
		throw Error("failover failed:\n" + report.story());
	story.remember("cable plugged in again",
		       fmt::format("both paths ready after {:.1f} s", report.rounds[0].recovery.count()));
	return report.rounds[0];
}

// The distribution's module is shown, not judged.
static void show_stock(Story &story, Lab &lab, const FailoverRound &ours,
		       const std::filesystem::path &picture)
{
	lab.insert(ModuleKind::stock);
	const FailoverReport stock = pull_cable(story, lab);

	if (stock.rounds.empty())
		return;
	write_file(picture, draw("A cable is pulled at the initiator", ours, stock.rounds[0]));
	story.remember("picture of both", picture.string());
}

static void play(Story &story, const std::filesystem::path &directory, const std::string &suite)
{
	std::unique_ptr<Lab> lab;
	const Progress tell = [&](const std::string &text) { story.tell(text); };

	story.remember_time("two machines booted", [&] {
		lab = std::make_unique<Lab>(LabConfig{directory, suite, Process::Lifetime::owned, tell});
	});
	Vm &initiator = lab->initiator();
	story.remember_time("LIO target set up", [&] { set_up_lio(lab->target()); });
	story.remember_time("module built, loaded", [&] { lab->insert(ModuleKind::ours); });
	const ConsoleWatch console(initiator.console());

	const CommandResult found = discover(initiator, portal(Path::A));
	story.tell("iscsiadm -m discovery -t st -I iser -p " + portal(Path::A) + "\n" + found.checked().out);
	initiator.run("iscsiadm -m node -o delete");
	{
		std::unique_ptr<Login> login;
		story.remember_time("login", [&] {
			login = std::make_unique<Login>(initiator, kPlainTarget, portal(Path::A));
		});
		show_io(story, initiator, login->disk());
	}
	const FailoverRound ours = show_failover(story, *lab);
	lab->unload();
	story.remember("logged out, rmmod ib_iser", "nothing in use");
	if (!console.complaints().empty())
		throw Error("the kernel complained: " + console.complaints().front());
	show_stock(story, *lab, ours, directory / "failover.svg");
}

int demonstrate(const std::filesystem::path &directory, const std::string &suite)
{
	Story story;
	int status = 0;

	try {
		play(story, directory, suite);
	} catch (const std::exception &error) {
		story.remember("FAILED", error.what());
		status = 1;
	}
	std::cout << "\nSummary (emulated CPUs: ratios mean more than figures)\n"
		  << story.summary() << fmt::format("  {:44} {:.0f} s\n", "total", story.elapsed())
		  << "  consoles: " << directory.string() << "/*/console.log" << std::endl;
	return status;
}

} // namespace lab
