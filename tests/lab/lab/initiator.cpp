// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/initiator.h"

#include <sstream>
#include <utility>

#include "lab/error.h"
#include "lab/eventually.h"
#include "lab/undo.h"

namespace lab {

using std::chrono::seconds;

CommandResult discover(Vm &initiator, const std::string &portal)
{
	return initiator.run("iscsiadm -m discovery -t st -I iser -p " + portal);
}

static std::string node(const std::string &target, const std::string &portal)
{
	return fmt::format("iscsiadm -m node -T {} -p {} ", target, portal);
}

static std::string log_in_script(const std::string &target, const std::string &portal,
				 const Settings &settings, const std::string &interface)
{
	std::string script = node(target, portal) + "-I " + interface + " -o new >/dev/null";

	for (const auto &[name, value] : settings)
		script += " &&\n" + node(target, portal) + "-o update -n " + name + " -v " + value;
	return script + " &&\n" + node(target, portal) + "--login";
}

static std::string log_out_script(const std::string &target, const std::string &portal)
{
	return node(target, portal) + "--logout\n" + node(target, portal) + "-o delete";
}

Login::Login(Vm &initiator, const std::string &target, const std::string &portal,
	     const Settings &settings, const std::string &interface)
	: initiator_(&initiator), target_(target), portal_(portal)
{
	const CommandResult result =
		initiator.run(log_in_script(target, portal, settings, interface), seconds(180));

	if (result.ok())
		return;
	initiator.run(log_out_script(target, portal));
	result.checked();
}

Login::Login(Login &&other) noexcept
	: initiator_(std::exchange(other.initiator_, nullptr)), target_(std::move(other.target_)),
	  portal_(std::move(other.portal_))
{
}

Login::~Login()
{
	undo([this] {
		if (initiator_)
			initiator_->run(log_out_script(target_, portal_), seconds(120));
	});
}

CommandResult Login::attempt(Vm &initiator, const std::string &target, const std::string &portal,
			     const Settings &settings)
{
	CommandResult result = initiator.run(log_in_script(target, portal, settings, "iser"), seconds(180));

	initiator.run(log_out_script(target, portal));
	return result;
}

CommandResult Login::logout()
{
	return initiator_->run(node(target_, portal_) + "--logout", seconds(120));
}

// Lines such as "iser: [2] 10.0.1.2:3260,1 iqn.2003-01.org.linux-iscsi.lab:plain (non-flash)".
std::vector<unsigned> Login::sessions()
{
	std::istringstream lines(initiator_->run("iscsiadm -m session").out);
	std::vector<unsigned> found;
	std::string line;

	while (std::getline(lines, line)) {
		if (line.find(" " + portal_ + ",") != std::string::npos &&
		    line.find(" " + target_ + " ") != std::string::npos)
			found.push_back(std::stoul(line.substr(line.find('[') + 1)));
	}
	return found;
}

std::string Login::disk_of(unsigned session, unsigned lun)
{
	const std::string command = fmt::format(
		"cd /sys/class/iscsi_session/session{}/device/target*/*:{}/block 2>/dev/null && ls", session,
		lun);
	std::string name;

	// The scan goes on after iscsiadm has returned.
	if (!eventually([&] { return !(name = trimmed(initiator_->run(command).out)).empty(); }, seconds(20)))
		fail("session {}: no disk for LUN {}", session, lun);
	if (!eventually([&] { return initiator_->run("test -b /dev/" + name).ok(); }, seconds(10)))
		fail("session {}: /dev/{} is not a block device", session, name);
	return "/dev/" + name;
}

std::string Login::disk(unsigned lun)
{
	return disk_of(sessions().at(0), lun);
}

Statistics Login::statistics()
{
	std::istringstream lines(
		initiator_->output(fmt::format("iscsiadm -m session -r {} -s", sessions().at(0))));
	Statistics statistics;
	std::string line;

	while (std::getline(lines, line)) {
		const auto colon = line.find(": ");

		if (line.starts_with("\t") && colon != std::string::npos)
			statistics[line.substr(1, colon - 1)] = std::stoull(line.substr(colon + 2));
	}
	return statistics;
}

void start_iscsid(Vm &initiator)
{
	if (!eventually([&] { return !initiator.run("pgrep -x iscsid").ok(); }, seconds(10),
			std::chrono::milliseconds(50)))
		fail("a killed iscsid does not end");
	initiator.output("iscsid");
}

unsigned session_count(Vm &initiator)
{
	return std::stoul(initiator.output("ls /sys/class/iscsi_session 2>/dev/null | wc -l"));
}

Multipath::Multipath(Vm &initiator, const std::string &disk, const std::string &configuration)
	: initiator_(initiator)
{
	if (configuration.empty())
		initiator.output("rm -f /etc/multipath.conf");
	else
		initiator.put(configuration, "/etc/multipath.conf");
	wwid_ = initiator.output("/usr/lib/udev/scsi_id -g " + disk);
	initiator.output("modprobe -a dm_multipath scsi_dh_alua");
	// A session that is just recovering fails it, if it is told to fail its commands at once.
	if (!eventually([&] { return initiator.run("multipath -a " + disk).ok(); }, seconds(30)))
		fail("multipath -a {} does not want to", disk);
	initiator.output("multipathd");
	if (!eventually([&] { return active_paths() == 2; }, seconds(60), seconds(1)))
		fail("multipathd made no map with two paths:\n{}",
		     initiator.run("multipath -ll; multipathd show paths").both());
	// udev makes the name later than multipathd the map.
	if (!eventually([&] { return initiator.run("test -b " + device()).ok(); }, seconds(30)))
		fail("{} is not a block device", device());
	if (!eventually([&] { return rules_recovery(); }, seconds(30), seconds(1)))
		fail("the sessions keep iscsid's recovery_tmo");
}

// The kernel refuses multipathd's fast_io_fail_tmo (EBUSY) for a session that is down at that moment,
// and it does not ask again: such a path would hold its I/O for iscsid's 120 s.
bool Multipath::rules_recovery()
{
	return initiator_.run("! grep -q 120 /sys/class/iscsi_session/*/recovery_tmo ||\n"
			      "{ multipathd reconfigure; false; }")
		.ok();
}

Multipath::~Multipath()
{
	undo([this] {
		initiator_.run("multipathd disablequeueing map " + wwid_ + "; multipathd shutdown");
		eventually([&] { return !initiator_.run("pgrep -x multipathd").ok(); }, seconds(20));
		// udev, who has just seen the last writer close it, may still read the map.
		const std::string flush = fmt::format("! dmsetup info {0} || multipath -f {0}", wwid_);

		eventually([&] { return initiator_.run(flush).ok(); }, seconds(30));
		initiator_.run("multipath -w " + wwid_);
	});
}

unsigned Multipath::active_paths()
{
	const CommandResult result = initiator_.run("multipathd show paths raw format '%w %t %T'");
	std::istringstream lines(result.out);
	std::string line;
	unsigned count = 0;

	while (std::getline(lines, line))
		count += line.starts_with(wwid_ + " active") && line.find(" ready") != std::string::npos;
	return count;
}

bool Multipath::add_orphans()
{
	const std::string added = initiator_.output("multipathd show paths raw format '%d %t' | while read -r disk state; do\n"
			  "test \"$state\" = undef && grep -qx running /sys/block/$disk/device/state &&\n"
			  "multipathd add path $disk; done; :");

	return !added.empty();
}

} // namespace lab
