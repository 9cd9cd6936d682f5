// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What the target machine serves: several LIO targets with iSER portals on every address, over
// disks in memory and one that outlives the machine; or tgt in LIO's place.
#pragma once

#include <map>
#include <string>

#include "lab/vm.h"

namespace lab {

// LIO's targets. They share the portals.
inline const std::string kPlainTarget = "iqn.2003-01.org.linux-iscsi.lab:plain";   // two LUNs
inline const std::string kChapTarget = "iqn.2003-01.org.linux-iscsi.lab:chap";     // one-way
inline const std::string kMutualTarget = "iqn.2003-01.org.linux-iscsi.lab:mutual"; // both ways
inline const std::string kHeldTarget = "iqn.2003-01.org.linux-iscsi.lab:held";     // see HeldDisk
inline const std::string kKeptTarget = "iqn.2003-01.org.linux-iscsi.lab:kept"; // see Vm::reset()
inline const std::string kTgtTarget = "iqn.2003-01.org.linux-iscsi.lab:tgt";

struct ChapSecrets {
	std::string user = "initiator-user", password = "initiator-secret";
	std::string target_user = "target-user", target_password = "target-secret";
};

void set_up_lio(Vm &target);

// While it lives, tgt serves port 3260 over iSER instead of LIO, whose sessions must be gone. (tgt
// binds every address of that port, and its `port` option is refused: see NOTES.md.)
class TgtInsteadOfLio {
public:
	explicit TgtInsteadOfLio(Vm &target);
	~TgtInsteadOfLio();

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
