// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// fio in a guest.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "lab/vm.h"

namespace lab {

struct FioFigures {
	double iops = 0, mib_per_s = 0, mean_us = 0, p99_us = 0;
};

// A command line that all our uses have in common; `rest` is fio's own words.
std::string fio_command(const std::string &disk, const std::string &rest);

// fio takes seconds to start on an emulated CPU: returns when the disk has commands in flight.
void await_io(Vm &vm, const std::string &disk);

// Random writes of 512 B to 1 MiB, each read back and compared. (Not randrw: fio 3.33 reports
// false errors with it.)
CommandResult verify_disk(Vm &vm, const std::string &disk, unsigned depth,
			  const std::string &size = "24M");

// One measured run, reads or writes alone.
FioFigures measure(Vm &vm, const std::string &disk, const std::string &mode, const std::string &block,
		   unsigned depth, unsigned run_seconds);

// Several, one after the other, in one fio: its start takes longer than a run. The words are fio's own, and
// name the disk too.
std::vector<FioFigures> measure_each(Vm &vm, const std::vector<std::string> &runs, Seconds each);

// A read, seen from user space.
struct Completion {
	double at;   // seconds since 1970, by the machine's clock
	double took; // seconds
};

// A line of "milliseconds, nanoseconds" for each; in the order of their completion.
std::vector<Completion> parse_completions(const std::string &text);

struct Gap {
	double from = 0; // as Completion::at
	Seconds length{};

	double until() const { return from + length.count(); }
};

// The longest time between two completions that ends after `since` and begins before `before`.
Gap longest_gap(const std::vector<Completion> &reads, double since, double before);
// The same for somebody who has one read at a time in flight: while one path holds its reads, those
// on the other may go on. Never shorter than the gap.
Gap longest_wait(const std::vector<Completion> &reads, double since, double before);

// I/O that goes on while something happens to it: verified writes, and reads whose completions are
// logged, so that the gaps between them can be told.
class BackgroundIo {
public:
	BackgroundIo(Vm &vm, const std::string &disk, std::chrono::seconds limit);

	bool running() const { return job_.running(); }
	// Ends it, if the limit has not; fails when I/O did.
	CommandResult finish();
	// In the order of their completion; after the end.
	std::vector<Completion> reads();

private:
	Vm &vm_;
	Job job_;
};

// Verified I/O for as long as is wanted, in passes: each writes a part of the disk block by block and
// then reads it, and rewrites another part and reads soon after, with data of its own, so that what a
// former pass wrote is no valid answer.
class VerifiedPasses {
public:
	// mib: of the part that is written first; the other is four times that.
	VerifiedPasses(Vm &vm, const std::string &disk, unsigned mib, std::chrono::seconds limit);

	// Fails when one did.
	bool running() const { return job_.running(); }
	// Waits for the end of the pass, and says how many there were. Throws what fio said.
	unsigned finish();

private:
	Vm &vm_;
	Job job_;
};

} // namespace lab
