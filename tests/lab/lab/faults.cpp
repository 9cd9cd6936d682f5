// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/faults.h"

#include <thread>

#include <fmt/format.h>

#include "lab/error.h"
#include "lab/initiator.h"
#include "lab/undo.h"

namespace lab {

using std::chrono::seconds;

Faulty::Faulty(Lab &lab, const Fault &fault, Path path) : lab_(lab), fault_(fault), path_(path)
{
	try {
		fault.begin(lab, path);
	} catch (const Error &) {
		end();
		throw;
	}
}

void Faulty::end() noexcept
{
	undo([this] { fault_.end(lab_, path_); });
}

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
		[](Lab &lab, Path path) { set_cable(lab.target(path), path, false); },
		[](Lab &lab, Path path) { set_cable(lab.target(path), path, true); }};
}

Fault cable_at_target_without_iscsid()
{
	return {"iscsid dead, cable pulled at the target", seconds(20),
		[](Lab &lab, Path path) {
			lab.initiator().output("pkill -9 -x iscsid");
			set_cable(lab.target(path), path, false);
		},
		[](Lab &lab, Path path) {
			set_cable(lab.target(path), path, true);
			std::this_thread::sleep_for(seconds(3));
			start_iscsid(lab.initiator());
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

Fault target_frozen()
{
	return {"target machine frozen", seconds(60), [](Lab &lab, Path path) { lab.target(path).freeze(); },
		[](Lab &lab, Path path) { lab.target(path).thaw(); }};
}

Fault target_killed()
{
	return {"target machine killed, then booted anew", seconds(20),
		[](Lab &lab, Path path) { lab.kill_target(path); },
		[](Lab &lab, Path path) { lab.boot_target(path); }, seconds(60)};
}

} // namespace lab
