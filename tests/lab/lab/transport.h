// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Ways to one and the same disk of a target machine, to be compared.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lab/lab.h"

namespace lab {

enum class Transport { ours, stock, nvme, tcp };

inline constexpr Transport kTransports[] = {Transport::ours, Transport::stock, Transport::nvme,
					    Transport::tcp};

const char *to_string(Transport transport);
// The modules that are there for it, its own first.
std::vector<std::string> modules(Transport transport);

// A disk over a transport, as long as it lives. Nobody pings.
class Attachment {
public:
	virtual ~Attachment() = default;

	virtual std::string disk() = 0;
	// Breaks the connection off and has it made anew; how long the latter took.
	virtual Seconds reconnect() = 0;
};

// Once for each target machine, after set_up_targets(): beside the others a target that serves the first disk
// over iSER and TCP, and an NVMe subsystem that does over RDMA.
void set_up_transports(Lab &lab);
// iSER is that of the module that is loaded.
std::unique_ptr<Attachment> attach(Lab &lab, Transport transport);

} // namespace lab
