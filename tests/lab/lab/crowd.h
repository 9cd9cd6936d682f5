// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Many sessions at once, of which one fails: what do the others notice?
#pragma once

#include <map>

#include "lab/failover_report.h"

namespace lab {

inline constexpr unsigned kCrowd = 64;

// The first `count` sessions of these, made by one iscsiadm for all of them, and their disks.
class CrowdLogin {
public:
	explicit CrowdLogin(Vm &initiator, unsigned count = kCrowd);
	~CrowdLogin();

	const std::map<unsigned, std::string> &disks() const { return disks_; }
	unsigned logged_in();

private:
	bool find_disks();
	void log_out() noexcept;

	Vm &initiator_;
	unsigned count_;
	std::map<unsigned, std::string> disks_;
};

// Sessions to the targets of set_up_crowd(), without dm-multipath, each with verified I/O of a few
// commands a second. In each round another target is disabled for a while. The report is about the
// others: reads are theirs, and a gap is the longest that any one of them saw.
FailoverReport fail_one_of_many(Lab &lab, unsigned rounds, const Progress &progress);

// One such round in less time, over sessions that are there: the others' longest gap before and after.
struct Stall {
	Seconds before, after;
};
Stall stall_of_others(Lab &lab, const CrowdLogin &login);

} // namespace lab
