// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What a user does on the initiator, by the same commands.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lab/vm.h"

namespace lab {

using Settings = std::map<std::string, std::string>; // iscsid's node settings, by full name
using Statistics = std::map<std::string, std::uint64_t>;

CommandResult discover(Vm &initiator, const std::string &portal);

// A node record, and sessions to it. Logs out and forgets the record at its end.
class Login {
public:
	// Throws what iscsiadm said if it fails. The interface "default" is TCP's.
	Login(Vm &initiator, const std::string &target, const std::string &portal,
	      const Settings &settings = {}, const std::string &interface = "iser");
	Login(Login &&other) noexcept;
	~Login();

	// As the constructor does, but returns iscsiadm's answer and undoes everything.
	static CommandResult attempt(Vm &initiator, const std::string &target,
				     const std::string &portal, const Settings &settings = {});

	CommandResult logout();
	// Session numbers; more than one with node.session.nr_sessions.
	std::vector<unsigned> sessions();
	// "/dev/sdX", when the kernel has made it.
	std::string disk(unsigned lun = 0);
	std::string disk_of(unsigned session, unsigned lun);
	// The counters of `iscsiadm -m session -r N -s`.
	Statistics statistics();

private:
	Vm *initiator_;
	std::string target_, portal_;
};

// Waits for a killed one, which is gone when the call into the kernel that it was in has returned.
void start_iscsid(Vm &initiator);
// Whoever they belong to, and in whatever state.
unsigned session_count(Vm &initiator);

// multipathd over this disk's LUN, whose WWID is made known to it first, as an
// administrator does with `multipath -a`. Without a configuration it has Debian's defaults.
class Multipath {
public:
	Multipath(Vm &initiator, const std::string &disk, const std::string &configuration = "");
	~Multipath();

	std::string device() const { return "/dev/mapper/" + wwid_; }
	unsigned active_paths();
	// What multipathd has given up although the disk is usable; returns whether there was any
	// (UPSTREAM.md, "multipathd orphans a new disk for good").
	bool add_orphans();

private:
	bool rules_recovery();

	Vm &initiator_;
	std::string wwid_;
};

} // namespace lab
