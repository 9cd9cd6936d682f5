// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/channel.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include <poll.h>
#include <sys/socket.h>

#include "lab/error.h"
#include "lab/undo.h"
#include "lab/unix_socket.h"

namespace lab {

using Clock = std::chrono::steady_clock;

// The agent's own limit is the command's; this much later its silence means the guest is lost.
static constexpr std::chrono::seconds kGrace{15};

static constexpr std::chrono::seconds kHelloInterval{3};

struct Job::State {
	Channel *channel;
	std::uint32_t id;
	Clock::time_point started, limit;
	bool done = false;
	CommandResult result;
};

Channel::Channel(std::string machine, const std::filesystem::path &socket,
		 std::chrono::milliseconds patience)
	: machine_(std::move(machine)), fd_(connect_unix(socket, std::chrono::seconds(10)))
{
	greet(patience);
	reader_ = std::thread([this] { read_frames(); });
}

Channel::~Channel()
{
	shutdown(fd_.get(), SHUT_RDWR);
	reader_.join();
}

// Everything before the echo of our number was meant for somebody else. Said again until there is an
// answer: what is said while the guest is just opening the port can get lost. The agent takes frames
// in order, so that none of them comes after the first command.
void Channel::greet(std::chrono::milliseconds patience)
{
	const wire::Header hello{wire::kMagic, std::random_device{}(), wire::Kind::hello, 0};
	const std::string echo(reinterpret_cast<const char *>(&hello), sizeof(hello));
	const auto deadline = Clock::now() + patience;
	Clock::time_point next_hello = Clock::now();
	std::array<char, 4096> buffer;

	for (;;) {
		const auto at = received_.find(echo);

		if (at != std::string::npos) {
			received_.erase(0, at + echo.size());
			return;
		}
		if (Clock::now() >= next_hello) {
			send(hello.id, hello.kind, "");
			next_hello = Clock::now() + kHelloInterval;
		}
		const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
			std::min(deadline, next_hello) - Clock::now());
		pollfd polled{fd_.get(), POLLIN, 0};

		if (poll(&polled, 1, std::max<int>(left.count(), 0)) <= 0) {
			if (Clock::now() < deadline)
				continue;
			throw MachineLost(fmt::format("{}: no answer from the agent within {} s", machine_,
						      patience.count() / 1000));
		}
		const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
		if (got <= 0)
			throw MachineLost(machine_ + ": the machine went away");
		received_.append(buffer.data(), got);
	}
}

void Channel::send(std::uint32_t id, wire::Kind kind, const std::string &payload)
{
	const std::lock_guard lock(send_mutex_);
	const wire::Header header{wire::kMagic, id, kind, static_cast<std::uint32_t>(payload.size())};
	const std::string frame = std::string(reinterpret_cast<const char *>(&header), sizeof(header)) +
				  payload;

	for (std::size_t sent = 0; sent < frame.size();) {
		pollfd polled{fd_.get(), POLLOUT, 0};
		ssize_t got = -1;

		if (poll(&polled, 1, 15000) > 0)
			got = ::send(fd_.get(), frame.data() + sent, frame.size() - sent,
				     MSG_NOSIGNAL | MSG_DONTWAIT);
		if (got < 0)
			throw MachineLost(machine_ + ": the command channel is stuck");
		sent += got;
	}
}

void Channel::read_frames()
{
	std::array<char, 65536> buffer;
	wire::Header header;

	for (;;) {
		while (received_.size() >= sizeof(header)) {
			std::memcpy(&header, received_.data(), sizeof(header));
			if (received_.size() < sizeof(header) + header.size)
				break;
			dispatch(header, received_.substr(sizeof(header), header.size));
			received_.erase(0, sizeof(header) + header.size);
		}
		const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
		if (got <= 0)
			break;
		received_.append(buffer.data(), got);
	}
	const std::lock_guard lock(mutex_);
	lost_ = true;
	changed_.notify_all();
}

void Channel::dispatch(const wire::Header &header, std::string payload)
{
	const std::lock_guard lock(mutex_);
	const auto found = jobs_.find(header.id);

	if (found == jobs_.end())
		return;
	Job::State &job = *found->second;
	if (header.kind == wire::Kind::output) {
		job.result.out += payload;
	} else if (header.kind == wire::Kind::error) {
		job.result.err += payload;
	} else if (header.kind == wire::Kind::exit) {
		wire::Exit exit;

		std::memcpy(&exit, payload.data(), sizeof(exit));
		job.result.status = exit.status;
		job.result.timed_out = exit.timed_out;
		job.result.duration = Clock::now() - job.started;
		job.done = true;
		jobs_.erase(found);
		changed_.notify_all();
	}
}

Job Channel::start(const std::string &command, std::chrono::milliseconds timeout,
		   const std::string &input)
{
	const wire::Run run{static_cast<std::uint32_t>(timeout.count())};
	auto state = std::make_shared<Job::State>();

	state->channel = this;
	state->started = Clock::now();
	state->limit = state->started + timeout + kGrace;
	state->result.machine = machine_;
	state->result.command = command;
	{
		const std::lock_guard lock(mutex_);

		state->id = next_id_++;
		jobs_[state->id] = state;
	}
	Job job(state);
	send(state->id, wire::Kind::run,
	     std::string(reinterpret_cast<const char *>(&run), sizeof(run)) + command);
	for (std::size_t at = 0; at < input.size(); at += wire::kMaxPayload)
		send(state->id, wire::Kind::input, input.substr(at, wire::kMaxPayload));
	send(state->id, wire::Kind::input_end, "");
	return job;
}

Job::~Job()
{
	if (!state_ || !running())
		return;
	undo([this] {
		kill();
		wait();
	});
}

CommandResult Job::wait()
{
	Channel &channel = *state_->channel;
	std::unique_lock lock(channel.mutex_);

	channel.changed_.wait_until(lock, state_->limit,
				    [&] { return state_->done || channel.lost_; });
	if (!state_->done)
		throw MachineLost(fmt::format("{}: {} while running: {}", channel.machine_,
					      channel.lost_ ? "the machine went away" : "no answer",
					      state_->result.command));
	return state_->result;
}

bool Job::running() const
{
	const std::lock_guard lock(state_->channel->mutex_);

	return !state_->done && !state_->channel->lost_;
}

std::string Job::output() const
{
	const std::lock_guard lock(state_->channel->mutex_);

	return state_->result.out;
}

void Job::kill()
{
	state_->channel->send(state_->id, wire::Kind::kill, "");
}

} // namespace lab
