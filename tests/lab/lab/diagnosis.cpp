// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/diagnosis.h"

#include <iostream>

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

static std::string ask(const Vm &machine, const std::vector<const char *> &commands)
{
	try {
		Vm vm = Vm::attach(machine.name(), machine.console().parent_path());
		std::string text = blocked_tasks(vm);

		for (const char *command : commands)
			text += answer(vm, command);
		return text;
	} catch (const std::exception &error) {
		return fmt::format("{}: {}\n", machine.name(), error.what());
	}
}

std::string diagnose(Lab &lab)
{
	return ask(lab.initiator(),
		   {"iscsiadm -m session -P3; cat /sys/module/ib_iser/refcnt",
		    "multipath -ll; dmsetup status; multipathd show paths",
		    "rdma resource show; rdma resource show qp; rdma resource show cm_id; rdma link",
		    "ps ax -o pid,stat,wchan:32,etimes,args | grep -v '\\]$'"}) +
	       ask(lab.target(),
		   {"rdma resource show; rdma link",
		    "ps ax -o pid,stat,wchan:32,etimes,args | grep -e iscsi -e isert"});
}

void give_up(Lab &lab, const std::string &why)
{
	std::cout << "lab: " << why << ": asking the kernels who is stuck, then killing the machines\n"
		  << diagnose(lab) << std::endl;
	for (Vm *vm : {&lab.initiator(), &lab.target()}) {
		try {
			vm->quit();
		} catch (const std::exception &error) {
			std::cout << "lab: " << error.what() << std::endl;
		}
	}
}

} // namespace lab
