// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What happens to a path, and how it ends.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "lab/lab.h"

namespace lab {

struct Fault {
	std::string what;
	std::chrono::seconds lasts;
	std::function<void(Lab &, Path)> begin, end;
	std::chrono::seconds mending{0}; // how long the end takes
};

// It lasts as long as this does, however that ends.
class Faulty {
public:
	Faulty(Lab &lab, const Fault &fault, Path path);
	~Faulty() { end(); }

private:
	void end() noexcept;

	Lab &lab_;
	const Fault &fault_;
	Path path_;
};

Fault cable_at_initiator();
Fault cable_at_target();
// iscsid is killed first, and started again a while after the cable is plugged in.
Fault cable_at_target_without_iscsid();
Fault device_deleted();
// These two take the whole machine: with one target machine, both paths.
Fault target_frozen();
Fault target_killed();

} // namespace lab
