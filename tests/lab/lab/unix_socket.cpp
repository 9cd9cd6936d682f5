// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/unix_socket.h"

#include <cstring>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lab/error.h"

namespace lab {

UniqueFd connect_unix(const std::filesystem::path &path, std::chrono::milliseconds patience)
{
	const auto deadline = std::chrono::steady_clock::now() + patience;
	const UniqueFd directory(open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
	const std::string name = fmt::format("/proc/self/fd/{}/{}", directory.get(),
					     path.filename().string());
	sockaddr_un address{};

	address.sun_family = AF_UNIX;
	std::strncpy(address.sun_path, name.c_str(), sizeof(address.sun_path) - 1);
	for (;;) {
		UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

		if (!connect(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)))
			return fd;
		if (std::chrono::steady_clock::now() > deadline)
			fail_errno("{}: nobody there", path.string());
		std::this_thread::sleep_for(std::chrono::milliseconds(20));
	}
}

} // namespace lab
