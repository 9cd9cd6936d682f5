// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Both kinds of child get their own process group, so that helpers they start go with them, and an
// owned one asks the kernel to be killed when the thread that started it dies (PR_SET_PDEATHSIG).
#include "lab/process.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab/error.h"
#include "lab/unique_fd.h"

namespace lab {

using Clock = std::chrono::steady_clock;

struct Streams {
	int in, out, err;
};

static std::string joined(const std::vector<std::string> &argv)
{
	std::string text;

	for (const std::string &word : argv)
		text += (text.empty() ? "" : " ") + word;
	return text;
}

// Does not return in the child.
static pid_t spawn(const std::vector<std::string> &argv, const std::filesystem::path &directory,
		   Streams streams, Process::Lifetime lifetime)
{
	std::vector<char *> words;

	words.reserve(argv.size() + 1);
	for (const std::string &word : argv)
		words.push_back(const_cast<char *>(word.c_str()));
	words.push_back(nullptr);
	const pid_t pid = fork();
	if (pid < 0)
		fail_errno("fork for {}", argv[0]);
	if (pid)
		return pid;
	setsid();
	if (lifetime == Process::Lifetime::owned)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(streams.in, 0);
	dup2(streams.out, 1);
	dup2(streams.err, 2);
	close_range(3, ~0U, 0); // locks of whoever called us, for one
	if (directory.empty() || !chdir(directory.c_str()))
		execvp(words[0], words.data());
	dprintf(2, "%s: %s\n", words[0], strerror(errno));
	_exit(127);
}

static std::pair<UniqueFd, UniqueFd> make_pipe()
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		fail_errno("pipe");
	return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

static void feed(UniqueFd &fd, std::string &input)
{
	const ssize_t sent = write(fd.get(), input.data(), std::min<std::size_t>(input.size(), 65536));

	if (sent > 0)
		input.erase(0, sent);
	if (input.empty() || (sent < 0 && errno != EAGAIN))
		fd.reset();
}

static void collect(UniqueFd &fd, std::string &text, const RunOptions &options)
{
	std::array<char, 65536> buffer;
	const ssize_t got = read(fd.get(), buffer.data(), buffer.size());

	if (got <= 0) {
		fd.reset();
		return;
	}
	text.append(buffer.data(), got);
	if (options.on_output)
		options.on_output({buffer.data(), static_cast<std::size_t>(got)});
}

CommandResult run_process(const std::vector<std::string> &argv, const RunOptions &options)
{
	CommandResult result{.machine = "host", .command = joined(argv), .out = {}, .err = {}};
	const auto started = Clock::now();
	std::string input = options.input;

	auto [in_child, in] = make_pipe();
	auto [out, out_child] = make_pipe();
	auto [err, err_child] = make_pipe();
	fcntl(in.get(), F_SETFL, O_NONBLOCK);
	const pid_t pid = spawn(argv, options.directory,
				{in_child.get(), out_child.get(), err_child.get()},
				Process::Lifetime::owned);
	in_child.reset();
	out_child.reset();
	err_child.reset();
	if (input.empty())
		in.reset();
	while (out || err) {
		pollfd polled[] = {{out.get(), POLLIN, 0}, {err.get(), POLLIN, 0},
				   {in.get(), POLLOUT, 0}};

		poll(polled, std::size(polled), 200);
		if (polled[0].revents)
			collect(out, result.out, options);
		if (polled[1].revents)
			collect(err, result.err, options);
		if (polled[2].revents)
			feed(in, input);
		if (!result.timed_out && Clock::now() - started > options.timeout) {
			result.timed_out = true;
			kill(-pid, SIGKILL);
		}
	}
	int status = 0;
	waitpid(pid, &status, 0);
	result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	result.duration = Clock::now() - started;
	return result;
}

Process::Process(const std::vector<std::string> &argv, const std::filesystem::path &directory,
		 const std::filesystem::path &log, Lifetime lifetime)
	: lifetime_(lifetime)
{
	const UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
	const UniqueFd out(open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));

	if (!out)
		fail_errno("{}", log.string());
	pid_ = spawn(argv, directory, {null.get(), out.get(), out.get()}, lifetime);
}

Process::Process(Process &&other) noexcept
	: pid_(std::exchange(other.pid_, -1)), lifetime_(other.lifetime_)
{
}

Process &Process::operator=(Process &&other) noexcept
{
	std::swap(pid_, other.pid_);
	std::swap(lifetime_, other.lifetime_);
	return *this;
}

Process::~Process()
{
	if (lifetime_ == Lifetime::owned)
		terminate();
}

bool Process::running()
{
	return pid_ > 0 && !reaped_within(std::chrono::milliseconds(0));
}

bool Process::reaped_within(std::chrono::milliseconds patience) noexcept
{
	const auto deadline = Clock::now() + patience;

	while (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == 0) {
		if (Clock::now() >= deadline)
			return false;
		std::this_thread::sleep_for(std::chrono::milliseconds(10));
	}
	pid_ = -1;
	return true;
}

void Process::terminate() noexcept
{
	if (pid_ <= 0)
		return;
	kill(-pid_, SIGTERM);
	if (!reaped_within(std::chrono::seconds(5))) {
		kill(-pid_, SIGKILL);
		reaped_within(std::chrono::seconds(60));
	}
}

} // namespace lab
