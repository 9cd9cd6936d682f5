// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What a target machine serves: several LIO targets with iSER portals on every address, all over
// the same disks; or tgt in LIO's place.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "lab/vm.h"

namespace lab {

// LIO's targets. They share the portals.
inline const std::string kPlainTarget = "iqn.2003-01.org.linux-iscsi.lab:plain";   // two LUNs
inline const std::string kChapTarget = "iqn.2003-01.org.linux-iscsi.lab:chap";     // one-way
inline const std::string kMutualTarget = "iqn.2003-01.org.linux-iscsi.lab:mutual"; // both ways
inline const std::string kHeldTarget = "iqn.2003-01.org.linux-iscsi.lab:held";     // see HeldDisk
inline const std::string kKeptTarget = "iqn.2003-01.org.linux-iscsi.lab:kept";     // see set_up_lio()
inline const std::string kTgtTarget = "iqn.2003-01.org.linux-iscsi.lab:tgt";

inline const std::string kBenchTarget = "iqn.2003-01.org.linux-iscsi.lab:bench"; // see set_up_bench_target()

struct ChapSecrets {
	std::string user = "initiator-user", password = "initiator-secret";
	std::string target_user = "target-user", target_password = "target-secret";
};

// Two machines that serve one disk are told apart by their controller numbers.
struct SharedDisk {
	std::string device;
	unsigned controller;
};

// The first disk, the plain target's LUN 0, is made of memory unless it is a shared one. If it is not,
// the kept target has the disk that Vm::reset() leaves alone.
void set_up_lio(Vm &target, const std::optional<SharedDisk> &shared = {});

// Beside these, unless they are there, `count` more targets with the plain target's disk, each with a portal of its own: a
// port on path A. Disabled, a target breaks its session off and lets nobody connect.
std::string crowd_target(unsigned number);
std::string crowd_portal(unsigned number);
void set_up_crowd(Vm &target, unsigned count);
void enable_crowd_target(Vm &target, unsigned number, bool enabled);

// Unless it is there: a target with the plain target's first disk that serves TCP on a port of its own,
// too, and that disk over NVMe.
inline constexpr unsigned kTcpPort = 3270, kNvmePort = 4420;
inline const std::string kNvmeSubsystem = "nqn.2014-08.org.lab:bench";
void set_up_bench_target(Vm &target);

// While it lives, the plain target has its second disk under one more number, too.
class ExtraLun {
public:
	ExtraLun(Vm &target, unsigned lun);
	~ExtraLun();

private:
	Vm &target_;
	std::string directory_;
};

// While it lives, the plain target has one more portal.
class ExtraPortal {
public:
	ExtraPortal(Vm &target, const std::string &portal);
	~ExtraPortal();

private:
	Vm &target_;
	std::string directory_;
};

// Unless it is there: a target with the plain target's first disk under so many numbers.
inline const std::string kWideTarget = "iqn.2003-01.org.linux-iscsi.lab:wide";
void set_up_wide_target(Vm &target, unsigned luns);

// While it lives, tgt serves port 3260 over iSER instead of LIO, whose sessions must be gone. (tgt
// binds every address of that port, and its `port` option is refused: UPSTREAM.md, "tgt listens on
// every address".)
class TgtInsteadOfLio {
public:
	explicit TgtInsteadOfLio(Vm &target);
	~TgtInsteadOfLio();
	// What it offers in the logins to come, by RFC 7143's keys.
	void set(const std::string &key, const std::string &value);

private:
	Vm &target_;
};

// Login parameters of the plain target as LIO will negotiate them ("InitialR2T": "No"), for
// sessions to come; put back at the end.
class LioParameters {
public:
	LioParameters(Vm &target, const std::map<std::string, std::string> &parameters);
	~LioParameters();

private:
	Vm &target_;
	std::string restore_;
};

// While it lives, the held target's disk takes commands and answers none.
class HeldDisk {
public:
	explicit HeldDisk(Vm &target);
	~HeldDisk();
	void release();

private:
	Vm &target_;
	bool held_ = true;
};

} // namespace lab
