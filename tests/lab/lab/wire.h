// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What host and guest agent say to each other over a virtio-serial port: frames of a header and
// up to kMaxPayload bytes. Every command has an id chosen by the host, so that several may run at
// once. A client begins with `hello` and a number nobody can guess; the agent forgets (and kills)
// what an earlier client left behind and repeats it. What comes before that echo is stale.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lab::wire {

enum class Kind : std::uint32_t {
	hello = 1, // both ways; id: the client's number
	run,       // host: Run, then the text for /bin/sh -c
	input,     // host: bytes for standard input
	input_end, // host: end of standard input
	kill,      // host: kill the command's process group
	output,    // agent: bytes of standard output
	error,     // agent: bytes of standard error
	exit,      // agent: Exit; the last frame of this id
};

struct Header {
	std::uint32_t magic;
	std::uint32_t id;
	Kind kind;
	std::uint32_t size; // of the payload that follows
};

struct Run {
	std::uint32_t timeout_ms;
};

struct Exit {
	std::int32_t status;     // exit status, or 128 + signal
	std::uint32_t timed_out; // 1: the agent killed it
};

inline constexpr std::uint32_t kMagic = 0x31424c69;
inline constexpr std::size_t kMaxPayload = 64 * 1024;
inline constexpr int kPorts = 4; // port 0 is the test's, the others are for people

} // namespace lab::wire
