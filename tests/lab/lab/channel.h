// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The host's end of the command channel (lab/wire.h): any number of commands at once over one
// virtio-serial port. A reader thread sorts the agent's frames into the jobs they belong to.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "lab/result.h"
#include "lab/unique_fd.h"
#include "lab/wire.h"

namespace lab {

class Channel;

// A command that is running in a guest. Killed and waited for when this goes away.
class Job {
public:
	Job(Job &&other) = default;
	~Job();

	// Its end, or MachineLost when the guest does not report one within the timeout.
	CommandResult wait();
	bool running() const;
	// What it has printed so far.
	std::string output() const;
	void kill();

private:
	friend class Channel;
	struct State;
	explicit Job(std::shared_ptr<State> state) : state_(std::move(state)) {}

	std::shared_ptr<State> state_;
};

class Channel {
public:
	// Waits until the agent answers, which is when the guest has booted.
	Channel(std::string machine, const std::filesystem::path &socket,
		std::chrono::milliseconds patience);
	~Channel();

	Job start(const std::string &command, std::chrono::milliseconds timeout,
		  const std::string &input = "");

private:
	friend class Job;

	void read_frames();
	void dispatch(const wire::Header &header, std::string payload);
	void send(std::uint32_t id, wire::Kind kind, const std::string &payload);
	void greet(std::chrono::milliseconds patience);

	const std::string machine_;
	UniqueFd fd_;
	std::string received_;
	std::mutex send_mutex_;
	std::mutex mutex_; // guards what follows, and the jobs' states
	std::condition_variable changed_;
	std::map<std::uint32_t, std::shared_ptr<Job::State>> jobs_;
	std::uint32_t next_id_ = 1;
	bool lost_ = false;
	std::thread reader_;
};

} // namespace lab
