// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The guest's agent: process 1 of a lab machine, one thread, one poll loop. It serves each
// virtio-serial port named lab.N with the frames of lab/wire.h and runs commands by /bin/sh, each
// in a session of its own. A command is over when its shell has exited: daemons it left behind may
// keep its pipes open, so the agent drains what is there and does not wait for the end of file.
// A client that goes away takes its commands with it.
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <list>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab/wire.h"

namespace {

using namespace lab;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kQueueLimit = 1 << 20; // above this, pipes are left unread for a while

struct Command {
	std::uint32_t id;
	pid_t pid;
	int in, out, err; // our ends of the pipes, -1 when closed
	std::string input{};
	bool input_ended = false;
	Clock::time_point deadline;
};

struct Port {
	int fd = -1;
	bool attached = false; // a client is on the other side
	std::string received{}, queue{};
	std::list<Command> commands{};
};

void close_fd(int &fd)
{
	if (fd >= 0)
		close(fd);
	fd = -1;
}

void send(Port &port, std::uint32_t id, wire::Kind kind, const void *data, std::size_t size)
{
	const wire::Header header{wire::kMagic, id, kind, static_cast<std::uint32_t>(size)};

	port.queue.append(reinterpret_cast<const char *>(&header), sizeof(header));
	port.queue.append(static_cast<const char *>(data), size);
}

void release(Command &command)
{
	close_fd(command.in);
	close_fd(command.out);
	close_fd(command.err);
}

void reset(Port &port)
{
	for (Command &command : port.commands) {
		kill(-command.pid, SIGKILL);
		release(command);
	}
	port.commands.clear();
	port.received.clear();
	port.queue.clear();
}

void start(Port &port, std::uint32_t id, const std::string &payload)
{
	wire::Run run;
	int in[2], out[2], err[2];

	if (payload.size() < sizeof(run))
		return;
	std::memcpy(&run, payload.data(), sizeof(run));
	const std::string text = payload.substr(sizeof(run));
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		std::abort();
	const pid_t pid = fork();
	if (!pid) {
		setsid();
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		signal(SIGPIPE, SIG_DFL);
		execl("/bin/sh", "sh", "-c", text.c_str(), nullptr);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	for (int fd : {in[1], out[0], err[0]})
		fcntl(fd, F_SETFL, O_NONBLOCK);
	port.commands.push_back({id, pid, in[1], out[0], err[0], {}, false,
				 Clock::now() + std::chrono::milliseconds(run.timeout_ms)});
}

void handle(Port &port, const wire::Header &header, const std::string &payload)
{
	if (header.kind == wire::Kind::hello) {
		reset(port);
		send(port, header.id, wire::Kind::hello, nullptr, 0);
		return;
	}
	if (header.kind == wire::Kind::run) {
		start(port, header.id, payload);
		return;
	}
	for (Command &command : port.commands) {
		if (command.id != header.id)
			continue;
		if (header.kind == wire::Kind::input)
			command.input += payload;
		else if (header.kind == wire::Kind::input_end)
			command.input_ended = true;
		else if (header.kind == wire::Kind::kill)
			kill(-command.pid, SIGKILL);
	}
}

// A frame that does not begin with the magic is the rest of what a former client cut short.
void parse(Port &port)
{
	wire::Header header;

	while (port.received.size() >= sizeof(header)) {
		std::memcpy(&header, port.received.data(), sizeof(header));
		if (header.magic != wire::kMagic || header.size > wire::kMaxPayload) {
			port.received.erase(0, 1);
			continue;
		}
		if (port.received.size() < sizeof(header) + header.size)
			return;
		const std::string payload = port.received.substr(sizeof(header), header.size);
		port.received.erase(0, sizeof(header) + header.size);
		handle(port, header, payload);
	}
}

void receive(Port &port)
{
	char buffer[wire::kMaxPayload];
	const ssize_t got = read(port.fd, buffer, sizeof(buffer));

	if (got > 0) {
		port.attached = true;
		port.received.append(buffer, got);
		parse(port);
	} else if (got == 0 && port.attached) {
		port.attached = false;
		reset(port);
	}
}

void flush(Port &port)
{
	const ssize_t sent = write(port.fd, port.queue.data(),
				   std::min<std::size_t>(port.queue.size(), 32 * 1024));

	if (sent > 0)
		port.queue.erase(0, sent);
}

// True while the pipe may bring more at once.
bool forward(Port &port, std::uint32_t id, wire::Kind kind, int &fd)
{
	char buffer[wire::kMaxPayload];
	const ssize_t got = fd < 0 ? 0 : read(fd, buffer, sizeof(buffer));

	if (got > 0)
		send(port, id, kind, buffer, got);
	else if (got == 0)
		close_fd(fd);
	return got > 0;
}

void feed(Command &command)
{
	if (command.in < 0)
		return;
	if (!command.input.empty()) {
		const ssize_t sent = write(command.in, command.input.data(), command.input.size());

		if (sent > 0)
			command.input.erase(0, sent);
		else if (errno != EAGAIN)
			close_fd(command.in);
	}
	if (command.input.empty() && command.input_ended)
		close_fd(command.in);
}

void finish(Port &port, Command &command, std::int32_t status, bool timed_out)
{
	const wire::Exit exit{status, timed_out};

	while (forward(port, command.id, wire::Kind::output, command.out))
		;
	while (forward(port, command.id, wire::Kind::error, command.err))
		;
	send(port, command.id, wire::Kind::exit, &exit, sizeof(exit));
	release(command);
}

// Reaps orphans too: this is process 1.
void reap(std::vector<Port> &ports)
{
	int status;

	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		for (Port &port : ports) {
			port.commands.remove_if([&](Command &command) {
				if (command.pid != pid)
					return false;
				finish(port, command,
				       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
				       false);
				return true;
			});
		}
	}
}

// What does not die of SIGKILL sits in the kernel: the client hears of it at once all the same.
void expire(Port &port)
{
	port.commands.remove_if([&](Command &command) {
		if (Clock::now() < command.deadline)
			return false;
		kill(-command.pid, SIGKILL);
		finish(port, command, 128 + SIGKILL, true);
		return true;
	});
}

void serve(std::vector<Port> &ports)
{
	std::vector<pollfd> polled;

	for (Port &port : ports) {
		const short out = port.queue.empty() ? 0 : POLLOUT;

		polled.push_back({port.attached ? port.fd : -1, static_cast<short>(POLLIN | out), 0});
		for (Command &command : port.commands) {
			const bool full = port.queue.size() > kQueueLimit;

			polled.push_back({full ? -1 : command.out, POLLIN, 0});
			polled.push_back({full ? -1 : command.err, POLLIN, 0});
			if (!command.input.empty())
				polled.push_back({command.in, POLLOUT, 0});
		}
	}
	// Ports without a client would report a hang-up for ever, so they are only looked at.
	poll(polled.data(), polled.size(), 20);
	for (Port &port : ports) {
		receive(port);
		for (Command &command : port.commands) {
			feed(command);
			if (port.queue.size() > kQueueLimit)
				continue;
			forward(port, command.id, wire::Kind::output, command.out);
			forward(port, command.id, wire::Kind::error, command.err);
		}
		expire(port);
	}
	reap(ports);
	for (Port &port : ports)
		flush(port);
}

std::vector<Port> open_ports()
{
	namespace fs = std::filesystem;
	std::vector<Port> ports;

	for (const auto &entry : fs::directory_iterator("/sys/class/virtio-ports")) {
		std::string name;

		std::ifstream(entry.path() / "name") >> name;
		if (name.rfind("lab.", 0) != 0)
			continue;
		const std::string device = "/dev/" + entry.path().filename().string();
		ports.push_back({open(device.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC)});
	}
	return ports;
}

} // namespace

int main()
{
	signal(SIGPIPE, SIG_IGN);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	std::vector<Port> ports = open_ports();
	for (;;)
		serve(ports);
}
