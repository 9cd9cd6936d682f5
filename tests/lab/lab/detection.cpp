// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/detection.h"

#include <optional>
#include <regex>
#include <thread>

#include "lab/error.h"
#include "lab/eventually.h"
#include "lab/failover.h"
#include "lab/target.h"

namespace lab {

using std::chrono::minutes;
using std::chrono::seconds;

static std::string cause_of(const Mark &mark)
{
	static const std::regex cause("cause=\"([^\"]*)\"");
	std::smatch match;

	return std::regex_search(mark.what, match, cause) ? match[1].str() : mark.what;
}

// A session of its own for each time, for the I/O may fail.
static Detection pull(Lab &lab, ModuleTrace &trace)
{
	Vm &initiator = lab.initiator();
	const Fault fault = cable_at_target();
	Detection detection;
	Login login(initiator, kPlainTarget, portal(Path::A),
		    {{"node.conn[0].timeo.noop_out_interval", "0"},
		     {"node.conn[0].timeo.noop_out_timeout", "0"}});
	const std::string disk = login.disk();

	// Nor is SCSI's error handler to find it first.
	initiator.output(fmt::format("echo 600 >/sys/block/{}/device/timeout", disk.substr(5)));
	BackgroundIo io(initiator, disk, minutes(3));
	await_io(initiator, disk);
	std::this_thread::sleep_for(seconds(3));
	trace.begin();
	const double begin = clock_of(initiator);
	std::optional<Job> sent; // until the cable is back

	{
		const Faulty faulty(lab, fault, Path::A);
		// Of what is in flight, all may have been acknowledged before.
		sent.emplace(initiator.start("sg_turs " + disk, minutes(4)));

		eventually(
			[&] {
				const std::vector<Mark> marks = trace.marks();
				const Mark *failure = first_failure(marks, target_address(Path::A), begin);

				if (failure)
					detection = {Seconds(failure->at - begin), cause_of(*failure)};
				return failure;
			},
			minutes(2), seconds(1));
	}
	io.finish();
	return detection;
}

std::vector<Detection> detect_repeatedly(Lab &lab, int ack_timeout, unsigned rounds,
				      const Progress &progress)
{
	std::vector<Detection> detections;
	ModuleTrace trace(lab);
	const AckTimeout parameter(lab, ack_timeout);

	for (unsigned i = 0; i < rounds; i++) {
		detections.push_back(pull(lab, trace));
		progress(fmt::format("ack_timeout {}: {:.3f} s, {}", ack_timeout,
				     detections.back().after.count(), detections.back().cause));
	}
	return detections;
}

} // namespace lab
