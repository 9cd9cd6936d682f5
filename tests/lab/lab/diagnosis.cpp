// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/diagnosis.h"

#include "lab/console.h"
#include "lab/error.h"
#include "lab/files.h"

namespace lab {

static std::string answer(Vm &vm, const std::string &command)
{
	try {
		return vm.run(command, std::chrono::seconds(20)).story();
	} catch (const std::exception &error) {
		return fmt::format("{}$ {}\n  {}\n", vm.name(), command, error.what());
	}
}

// What blocked tasks wait for is the first that sysrq prints, and mostly all that is needed.
static std::string blocked_tasks(Vm &vm)
{
	ConsoleWatch console(vm.console());

	try {
		vm.dump_tasks();
	} catch (const std::exception &error) {
		return fmt::format("{}: {}\n", vm.name(), error.what());
	}
	const std::string text = console.text();
	return fmt::format("{}'s blocked tasks (all tasks and workqueues: {}):\n{}\n", vm.name(),
			   vm.console().string(), text.substr(0, text.find("sysrq: Show State\r")));
}

std::string diagnose(Lab &lab)
{
	std::string text;

	for (Vm *vm : {&lab.initiator(), &lab.target()})
		text += blocked_tasks(*vm);
	for (const char *command :
	     {"iscsiadm -m session -P3", "multipath -ll; dmsetup status; multipathd show paths",
	      "rdma resource show; rdma resource show qp; rdma resource show cm_id; rdma link",
	      "ps ax -o pid,stat,wchan:32,etimes,args | grep -v '\\]$'"})
		text += answer(lab.initiator(), command);
	text += answer(lab.target(), "rdma resource show; rdma link; ps ax -o pid,stat,wchan:32,etimes,args "
				     "| grep -e iscsi -e isert");
	return text;
}

} // namespace lab
