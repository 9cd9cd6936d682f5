// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/qmp.h"

#include <array>

#include <poll.h>
#include <sys/socket.h>

#include "lab/error.h"
#include "lab/unix_socket.h"

namespace lab {

using nlohmann::json;

Qmp::Qmp(const std::filesystem::path &socket)
	: fd_(connect_unix(socket, std::chrono::seconds(10)))
{
	read_message(); // the greeting
	execute("qmp_capabilities");
}

json Qmp::read_message()
{
	for (;;) {
		const auto end = received_.find('\n');

		if (end != std::string::npos) {
			const std::string line = received_.substr(0, end);

			received_.erase(0, end + 1);
			return json::parse(line);
		}
		std::array<char, 4096> buffer;
		pollfd polled{fd_.get(), POLLIN, 0};
		const ssize_t got = poll(&polled, 1, 10000) > 0
					    ? recv(fd_.get(), buffer.data(), buffer.size(), 0)
					    : 0;
		if (got <= 0)
			throw MachineLost("QEMU's monitor does not answer");
		received_.append(buffer.data(), got);
	}
}

json Qmp::execute(const std::string &command, const json &arguments)
{
	const std::lock_guard lock(mutex_);
	const std::string text = json{{"execute", command}, {"arguments", arguments}}.dump() + "\n";

	if (send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0)
		throw MachineLost("QEMU's monitor is gone");
	for (;;) {
		const json message = read_message();

		if (message.contains("return"))
			return message["return"];
		if (message.contains("error"))
			fail("QMP {}: {}", text, message["error"].dump());
	}
}

} // namespace lab
