// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/storm.h"

#include <future>
#include <optional>
#include <thread>

#include "lab/diagnosis.h"
#include "lab/error.h"
#include "lab/eventually.h"
#include "lab/failover.h"
#include "lab/fio.h"
#include "lab/initiator.h"
#include "lab/kernel_checks.h"
#include "lab/target.h"
#include "lab/undo.h"
#include "lab/upstream.h"

namespace lab {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Far more than any of it takes on a machine under load: what is not done by then hangs.
static constexpr seconds kComeBack{120};
static constexpr seconds kLogOut{60};
static constexpr long kSlabNoise = 64; // KiB; a leak by each event of a part would be more

// LIO's disks have settings of their own in multipathd, which only "overrides" overrules.
static constexpr const char *kMultipathConf = R"(defaults {
	polling_interval 1
	max_polling_interval 2
}
overrides {
	fast_io_fail_tmo 0
	no_path_retry queue
	flush_on_last_del never
}
)";

// A first login that fails is given up and begun anew here: iscsid's own repetitions are in vain when
// the transport class has cleaned up in between (UPSTREAM.md, "LIO closes before a refusal has been
// sent").
static Settings node_settings()
{
	Settings settings = tuned().node;

	settings["node.session.initial_login_retry_max"] = "1";
	return settings;
}

// For every load of the module while it lives; at its end the module is loaded afresh without.
class ModuleOptions {
public:
	explicit ModuleOptions(Lab &lab) : lab_(lab)
	{
		lab.initiator().put(fmt::format("options ib_iser ack_timeout={}\n", tuned().ack_timeout),
				    "/etc/modprobe.d/storm.conf");
		reload();
	}

	~ModuleOptions()
	{
		undo([this] {
			lab_.initiator().run("rm -f /etc/modprobe.d/storm.conf");
			reload();
		});
	}

private:
	void reload()
	{
		lab_.unload();
		lab_.initiator().output("modprobe ib_iser");
	}

	Lab &lab_;
};

class Storm {
public:
	Storm(Lab &lab, StormReport &report, const Progress &progress)
		: lab_(lab), initiator_(lab.initiator()), report_(report), progress_(progress),
		  options_(lab), a_(initiator_, kKeptTarget, portal(Path::A), node_settings()),
		  b_(initiator_, kKeptTarget, portal(Path::B), node_settings()),
		  multipath_(initiator_, a_.disk(), kMultipathConf)
	{
	}

	~Storm()
	{
		undo([this] {
			mend();
			initiator_.run("multipathd disablequeueing maps");
		});
	}

	// What fails does so while the machines are as they were.
	void weather(const std::vector<StormAction> &actions)
	{
		try {
			go_through(actions);
		} catch (const std::exception &error) {
			report_.failure = fmt::format("{}\n{}", error.what(), diagnose(lab_));
		}
	}

private:
	void go_through(const std::vector<StormAction> &actions)
	{
		// First logins fill caches.
		unload();
		settle();
		log_out();
		report_.slab_before = slab_kib(initiator_);
		const Resources before = resources(initiator_);

		log_in();
		settle();
		rage(actions);
		log_out();
		report_.slab_after = slab_kib(initiator_);
		look_for_leftovers(before);
		report_.lockdep = lockdep(initiator_);
	}

	void look_for_leftovers(const Resources &before)
	{
		// LIO closes a connection on which nobody logs in after 15 s.
		eventually(
			[&] {
				Resources now = resources(initiator_);

				// Of what was connected when iscsid was killed, nobody knows; they
				// are the transport's until it goes, and own nothing.
				now.erase("endpoint");
				report_.left = more_than(before, now);
				return report_.left.empty();
			},
			seconds(20), seconds(1));
		// While the module is there, kmemleak knows where in it something was allocated.
		report_.leaks = suspected_leaks(initiator_);
		if (!report_.left.empty())
			return;
		load_anew();
		report_.left = more_than(before, resources(initiator_));
		if (report_.leaks.empty())
			report_.leaks = suspected_leaks(initiator_);
	}

	void rage(const std::vector<StormAction> &actions)
	{
		io_.emplace(initiator_, multipath_.device(), lab_.image().checked() ? 2 : 16,
			    longest_storm(lab_.image()));
		await_io(initiator_, multipath_.device());
		const auto begin = Clock::now();
		for (std::size_t i = 0; i < actions.size(); i++) {
			std::this_thread::sleep_for(actions[i].pause);
			progress_(fmt::format("{:7.2f} s  {}/{}  {}", Seconds(Clock::now() - begin).count(),
					      i + 1, actions.size(), actions[i].story()));
			act(actions[i]);
		}
		report_.duration = Clock::now() - begin;
		report_.passes = io_->finish();
		io_.reset();
	}

	void act(const StormAction &action)
	{
		const unsigned number = static_cast<unsigned>(action.path);
		Vm &end = action.at_target ? lab_.target() : initiator_;

		switch (action.deed) {
		case Deed::pull_cable:
		case Deed::plug_cable:
			end.set_cable(number, action.deed == Deed::plug_cable);
			break;
		case Deed::kill_iscsid:
			initiator_.output("pkill -9 -x iscsid");
			break;
		case Deed::start_iscsid:
			start_iscsid(initiator_);
			break;
		case Deed::delete_device:
			timed(report_.slowest_removal,
			      [&] { initiator_.output(fmt::format("rdma link delete rxe{}", number)); });
			break;
		case Deed::add_device:
			add_device(number);
			break;
		case Deed::reset_target:
			await_target();
			target_restarts_ =
				std::async(std::launch::async, [this] { lab_.reset_target(Path::A); });
			break;
		case Deed::unload:
			await_target();
			unload();
			break;
		case Deed::settle:
			await_target();
			timed(report_.slowest_return, [&] { settle(); });
			break;
		}
	}

	static void timed(Seconds &longest, const std::function<void()> &step)
	{
		const auto begin = Clock::now();

		step();
		longest = std::max(longest, Seconds(Clock::now() - begin));
	}

	void add_device(unsigned number)
	{
		initiator_.output(fmt::format("rdma link add rxe{0} type rxe netdev eth{0}", number));
	}

	void await_target()
	{
		if (target_restarts_.valid())
			target_restarts_.get();
	}

	void load_anew()
	{
		// udev may still have a disk open.
		const auto unloaded = [&] {
			const CommandResult result = lab_.remove_module();

			if (result.ok())
				report_.slowest_rmmod = std::max(report_.slowest_rmmod, result.duration);
			return result.ok();
		};

		if (!eventually(unloaded, seconds(60)))
			fail("the module is in use after the logout");
		initiator_.output("modprobe ib_iser");
	}

	void unload()
	{
		log_out();
		load_anew();
		log_in();
	}

	void log_out()
	{
		const auto gone = [&] {
			initiator_.run("iscsiadm -m node -T " + kKeptTarget + " --logout", kLogOut);
			return session_count(initiator_) == 0;
		};

		if (!eventually(gone, kLogOut))
			fail("sessions do not go away");
	}

	void log_in()
	{
		const auto logged_in = [&] {
			initiator_.run("iscsiadm -m node -T " + kKeptTarget + " --login", kComeBack);
			return session_count(initiator_) == 2;
		};

		if (!eventually(logged_in, kComeBack, seconds(1)))
			fail("no login");
	}

	unsigned long completions()
	{
		return std::stoul(initiator_.output(fmt::format(
			"awk '{{print $1 + $5}}' /sys/block/$(basename $(readlink -f {}))/stat",
			multipath_.device())));
	}

	// multipathd may not have seen yet that a path is down.
	bool both_disks_answer()
	{
		return initiator_
			.run("set -- $(ls -d /sys/class/iscsi_session/*/device/target*/*/block/*)\n"
			     "test $# = 2 || exit 1\n"
			     "for disk; do\n"
			     "dd if=/dev/${disk##*/} of=/dev/null bs=4k count=1 iflag=direct || exit 1\n"
			     "done")
			.ok();
	}

	void settle()
	{
		const auto both_paths = [&] {
			if (multipath_.active_paths() == 2)
				return both_disks_answer();
			if (multipath_.add_orphans())
				tolerate("multipathd orphans a new disk for good");
			return false;
		};

		if (!eventually(both_paths, kComeBack, milliseconds(300)))
			fail("a path does not come back");
		if (!io_)
			return;
		const unsigned long before = completions();

		if (!eventually([&] { return completions() > before || !io_->running(); }, kComeBack))
			fail("no I/O completes");
		if (!io_->running())
			io_->finish(); // throws its reason
	}

	// However far the storm got.
	void mend()
	{
		for (Path path : kPaths) {
			const unsigned number = static_cast<unsigned>(path);

			initiator_.set_cable(number, true);
			lab_.target().set_cable(number, true);
			initiator_.run(fmt::format("rdma link show rxe{0}/1 || "
						   "rdma link add rxe{0} type rxe netdev eth{0}",
						   number));
		}
		initiator_.run("pgrep -x iscsid || iscsid");
		await_target();
	}

	Lab &lab_;
	Vm &initiator_;
	StormReport &report_;
	const Progress &progress_;
	ModuleOptions options_;
	Login a_, b_;
	Multipath multipath_;
	std::optional<VerifiedPasses> io_;
	std::future<void> target_restarts_;
};

StormReport weather_storm(Lab &lab, std::uint32_t seed, const StormCounts &counts,
			  const Progress &progress)
{
	StormReport report;

	if (lab.image().checked())
		report.longest_removal = report.longest_rmmod = Seconds(60);
	progress(fmt::format("seed {}: {} flaps, {} iscsid kills, {} device removals, {} unloads, "
			     "{} target resets",
			     seed, counts.flaps, counts.kills, counts.removals, counts.unloads,
			     counts.restarts));
	try {
		Storm storm(lab, report, progress);

		storm.weather(plan_storm(seed, counts));
	} catch (const std::exception &error) {
		report.failure = error.what();
	}
	return report;
}

std::chrono::minutes longest_storm(const Image &initiators_image)
{
	return std::chrono::minutes(initiators_image.checked() ? 30 : 18);
}

bool StormReport::held() const
{
	return failure.empty() && left.empty() && leaks.empty() && lockdep != "off" &&
	       slowest_removal < longest_removal && slowest_rmmod < longest_rmmod &&
	       slab_after < slab_before + kSlabNoise;
}

std::string StormReport::story() const
{
	std::string text = fmt::format(
		"{:.0f} s, {} passes of verified I/O; slowest device removal {:.2f} s, rmmod {:.2f} s, "
		"return of both paths {:.1f} s; slab {} KiB before, {} KiB after",
		duration.count(), passes, slowest_removal.count(), slowest_rmmod.count(),
		slowest_return.count(), slab_before, slab_after);

	if (!lockdep.empty())
		text += "; lockdep in the end " + lockdep;
	if (!left.empty())
		text += "\n  left behind: " + left;
	if (!leaks.empty())
		text += "\n  leaked, says kmemleak:\n" + leaks;
	if (!failure.empty())
		text += "\n  FAILED: " + failure;
	return text;
}

} // namespace lab
