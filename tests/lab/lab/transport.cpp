// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/transport.h"

#include "lab/error.h"
#include "lab/eventually.h"
#include "lab/initiator.h"
#include "lab/target.h"
#include "lab/undo.h"

namespace lab {

using std::chrono::seconds;

const char *to_string(Transport transport)
{
	switch (transport) {
	case Transport::ours:
		return "ours";
	case Transport::stock:
		return "stock";
	case Transport::nvme:
		return "nvme_rdma";
	case Transport::tcp:
		return "iscsi_tcp";
	}
	return "?";
}

std::vector<std::string> modules(Transport transport)
{
	switch (transport) {
	case Transport::ours:
	case Transport::stock:
		return {"ib_iser", "libiscsi", "scsi_transport_iscsi"};
	case Transport::nvme:
		return {"nvme_rdma", "nvme_core", "nvme_fabrics"};
	case Transport::tcp:
		return {"iscsi_tcp", "libiscsi_tcp", "libiscsi", "scsi_transport_iscsi"};
	}
	return {};
}

namespace {

class IscsiAttachment : public Attachment {
public:
	IscsiAttachment(Vm &initiator, const std::string &interface, const std::string &portal)
		: initiator_(initiator), login_(initiator, kBenchTarget, portal,
						{{"node.conn[0].timeo.noop_out_interval", "0"},
						 {"node.conn[0].timeo.noop_out_timeout", "0"}},
						interface)
	{
	}

	std::string disk() override { return login_.disk(); }

	// An iscsid that is started anew reconnects every session (UPSTREAM.md, "A restarted iscsid
	// reconnects every session"). Watched in the machine, for it takes less time than a command from
	// here.
	Seconds reconnect() override
	{
		initiator_.output("pkill -9 -x iscsid");
		start_iscsid(initiator_);
		return Seconds(std::stod(initiator_.output(fmt::format(
			"state=/sys/class/iscsi_session/session{}/state\n"
			"seen=LOGGED_IN; while test $seen = LOGGED_IN; do read seen <$state; done\n"
			"read begin rest </proc/uptime\n"
			"until test $seen = LOGGED_IN; do read seen <$state; done\n"
			"read end rest </proc/uptime\n"
			"awk \"BEGIN {{ print $end - $begin }}\"",
			login_.sessions().at(0)))));
	}

private:
	Vm &initiator_;
	Login login_;
};

class NvmeAttachment : public Attachment {
public:
	explicit NvmeAttachment(Vm &initiator) : initiator_(initiator)
	{
		// The answer is "instance=N,cntlid=M".
		const std::string answer = initiator.output(
			fmt::format("modprobe nvme_rdma; exec 3<>/dev/nvme-fabrics; "
				    "printf %s 'transport=rdma,traddr={},trsvcid={},nqn={},hostnqn={},"
				    "hostid={},keep_alive_tmo=0' >&3; cat <&3",
				    target_address(Path::A), kNvmePort, kNvmeSubsystem,
				    "nqn.2014-08.org.nvmexpress:uuid:1ab00000-0000-4000-8000-000000000001",
				    "1ab00000-0000-4000-8000-000000000001"));

		controller_ = "/sys/class/nvme/nvme" +
			      answer.substr(answer.find('=') + 1, answer.find(',') - answer.find('=') - 1);
	}
	~NvmeAttachment()
	{
		undo([this] { initiator_.run("echo 1 >" + controller_ + "/delete_controller"); });
	}

	std::string disk() override
	{
		std::string name;

		if (!eventually(
			    [&] {
				    name = trimmed(initiator_.run("ls -d " + controller_ + "/nvme*n1").out);
				    return !name.empty();
			    },
			    seconds(20)))
			fail("{}: no disk", controller_);
		// With native multipath the controller's part of it is nvme0c0n1.
		name = "/dev/" + std::filesystem::path(name).filename().string();
		if (const auto part = name.rfind('c'); part != name.npos)
			name.erase(part, name.rfind('n') - part);
		if (!eventually([&] { return initiator_.run("test -b " + name).ok(); }, seconds(10)))
			fail("{} is not a block device", name);
		return name;
	}

	Seconds reconnect() override
	{
		return initiator_.run("echo 1 >" + controller_ + "/reset_controller").checked().duration;
	}

private:
	Vm &initiator_;
	std::string controller_;
};

} // namespace

void set_up_transports(Lab &lab)
{
	set_up_bench_target(lab.target());
	lab.initiator().put(read_file(LAB_IOS), "/usr/local/bin/ios", "755");
	// Nobody looks at a disk that has been written to but who is told to.
	lab.initiator().output(
		"echo 'SUBSYSTEM==\"block\", OPTIONS+=\"nowatch\"' >/etc/udev/rules.d/99-lab.rules\n"
		"udevadm control --reload");
}

std::unique_ptr<Attachment> attach(Lab &lab, Transport transport)
{
	Vm &initiator = lab.initiator();

	switch (transport) {
	case Transport::ours:
	case Transport::stock:
		return std::make_unique<IscsiAttachment>(initiator, "iser", portal(Path::A));
	case Transport::tcp:
		return std::make_unique<IscsiAttachment>(initiator, "default",
							 portal(Path::A, Family::v4, kTcpPort));
	case Transport::nvme:
		return std::make_unique<NvmeAttachment>(initiator);
	}
	return {};
}

} // namespace lab
