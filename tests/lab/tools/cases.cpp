// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tools/cases.h"

#include <algorithm>

#include <fmt/format.h>

#include "lab/crowd.h"
#include "lab/failover.h"
#include "lab/target.h"

namespace lab {

// What the two timers of libiscsi that both modules wait for may differ by.
static constexpr double kTimers = 0.3;

static Case one_path(const std::string &name, const Fault &fault, const Tuning &tuning, Bound bound,
		     Targets targets = Targets::one)
{
	return {name, fault.what, targets, bound,
		[=](Lab &lab, unsigned rounds, const Progress &progress) {
			return fail_over(lab, fault, tuning, rounds, progress);
		}};
}

// Tuned, either module has failed over long before.
static Fault for_ten_seconds(Fault fault)
{
	fault.lasts = std::chrono::seconds(10);
	return fault;
}

static FailoverReport run_crowd(Lab &lab, unsigned rounds, const Progress &progress)
{
	set_up_crowd(lab.target(), kCrowd);
	return fail_one_of_many(lab, rounds, progress);
}

static std::vector<Case> make_cases()
{
	const Tuning ack_timeout{.node = {}, .multipath = {}, .ack_timeout = tuned().ack_timeout};
	const auto seconds = [](double bound) { return Bound{Bound::Kind::seconds, bound}; };

	return {
		one_path("initiator-tuned", for_ten_seconds(cable_at_initiator()), tuned(), seconds(0.5)),
		one_path("target-tuned", for_ten_seconds(cable_at_target()), tuned(), seconds(1)),
		// A restarted iscsid reconnects each session, the one that works as well (UPSTREAM.md, "A restarted
		// iscsid reconnects every session").
		one_path("no-iscsid-tuned", for_ten_seconds(cable_at_target_without_iscsid()), tuned(),
			 {Bound::Kind::seconds_at_fault, 1}),
		one_path("initiator-defaults", cable_at_initiator(), {}, seconds(6)),
		one_path("target-ack-timeout", cable_at_target(), ack_timeout, seconds(7)),
		one_path("target-defaults", cable_at_target(), {}, {Bound::Kind::stock}),
		one_path("frozen-tuned", target_frozen(), tuned(), seconds(1), Targets::two),
		one_path("killed-tuned", target_killed(), tuned(), {Bound::Kind::recovery}, Targets::two),
		one_path("device-deleted-tuned", device_deleted(), tuned(), seconds(0.5)),
		{"one-of-64", "64 sessions, the portal of one is disabled", Targets::one,
		 {Bound::Kind::twice_before}, run_crowd},
	};
}

const std::vector<Case> &failover_cases()
{
	static const std::vector<Case> cases = make_cases();

	return cases;
}

std::string Bound::text() const
{
	switch (kind) {
	case Kind::seconds:
		return fmt::format("{:.1f} s", seconds);
	case Kind::seconds_at_fault:
		return fmt::format("{:.1f} s / -", seconds);
	case Kind::stock:
		return "as stock";
	case Kind::twice_before:
		return "2 x before";
	case Kind::recovery:
		return "recovers";
	}
	return "?";
}

static bool within(const Bound &bound, const FailoverRound &round, const FailoverReport &stock)
{
	switch (bound.kind) {
	case Bound::Kind::seconds:
		return round.gap().count() < bound.seconds;
	case Bound::Kind::seconds_at_fault:
		return round.gap_at_fault.count() < bound.seconds;
	case Bound::Kind::stock:
		return round.gap().count() < stock.longest_gap().count() + kTimers;
	case Bound::Kind::twice_before:
		return round.gap() <= 2 * round.gap_before;
	case Bound::Kind::recovery:
		return true;
	}
	return false;
}

std::string broken(const Bound &bound, const FailoverReport &ours, const FailoverReport &stock)
{
	if (!ours.lost.empty())
		return "machine lost";
	if (!ours.io_verified)
		return "I/O failed";
	if (!ours.complaints.empty())
		return "the kernel complained";
	if (!std::ranges::all_of(ours.rounds, &FailoverRound::recovered))
		return "not recovered";
	if (!std::ranges::all_of(ours.rounds, [&](const auto &round) { return within(bound, round, stock); }))
		return "too long";
	return "";
}

} // namespace lab
