// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <thread>

#include <fmt/format.h>

#include "lab/failover.h"

namespace lab {

using std::chrono::seconds;

static void set_cable(Vm &vm, Path path, bool plugged)
{
	vm.set_cable(static_cast<unsigned>(path), plugged);
}

Fault cable_at_initiator()
{
	return {"cable pulled at the initiator", seconds(20),
		[](Lab &lab, Path path) { set_cable(lab.initiator(), path, false); },
		[](Lab &lab, Path path) { set_cable(lab.initiator(), path, true); }};
}

Fault cable_at_target()
{
	return {"cable pulled at the target", seconds(20),
		[](Lab &lab, Path path) { set_cable(lab.target(), path, false); },
		[](Lab &lab, Path path) { set_cable(lab.target(), path, true); }};
}

Fault cable_at_target_without_iscsid()
{
	return {"iscsid dead, cable pulled at the target", seconds(20),
		[](Lab &lab, Path path) {
			lab.initiator().output("kill -9 $(pidof iscsid)");
			set_cable(lab.target(), path, false);
		},
		[](Lab &lab, Path path) {
			set_cable(lab.target(), path, true);
			std::this_thread::sleep_for(seconds(3));
			lab.initiator().output("pidof iscsid || iscsid");
		}};
}

Fault device_deleted()
{
	return {"RDMA device deleted and added", seconds(10),
		[](Lab &lab, Path path) {
			lab.initiator().output(
				fmt::format("rdma link delete rxe{}", static_cast<unsigned>(path)));
		},
		[](Lab &lab, Path path) {
			lab.initiator().output(fmt::format("rdma link add rxe{0} type rxe netdev eth{0}",
							   static_cast<unsigned>(path)));
		}};
}

Tuning tuned()
{
	return {.node = {{"node.conn[0].timeo.noop_out_interval", "1"},
			 {"node.conn[0].timeo.noop_out_timeout", "1"}},
		.multipath = "defaults {\n\tfast_io_fail_tmo 0\n}\n",
		.ack_timeout = 14};
}

} // namespace lab
