// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// A plugin for QEMU's TCG: how often each translated block of a guest's kernel modules has been executed.
// Whoever connects to its socket gets a line "address instructions executions" for each, and may ask again
// later. With one CPU the figures are exact.
//
// QEMU's declarations stand here because Debian does not ship its header; the interface is that of
// version 1, docs/devel/tcg-plugins.rst.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

extern "C" {
struct qemu_info_t;
struct qemu_plugin_tb;
using qemu_plugin_id_t = std::uint64_t;
using tb_callback_t = void (*)(qemu_plugin_id_t id, qemu_plugin_tb *tb);
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_callback_t callback);
void qemu_plugin_register_vcpu_tb_exec_inline(qemu_plugin_tb *tb, qemu_plugin_op op, void *counter,
					      std::uint64_t value);
std::size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb *tb);
std::uint64_t qemu_plugin_tb_vaddr(const qemu_plugin_tb *tb);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;
}

namespace {

constexpr std::uint64_t kModules = 0xffffffffa0000000; // x86-64: where the kernel loads them

// A block that is translated anew has the same place, and so the same counter.
using Block = std::pair<std::uint64_t, std::size_t>;

std::mutex mutex; // guards the next one; QEMU itself adds to the counters
std::map<Block, std::unique_ptr<std::uint64_t>> executions;

void translated(qemu_plugin_id_t, qemu_plugin_tb *tb)
{
	const Block block{qemu_plugin_tb_vaddr(tb), qemu_plugin_tb_n_insns(tb)};

	if (block.first < kModules)
		return;
	const std::lock_guard lock(mutex);
	std::unique_ptr<std::uint64_t> &counter = executions[block];

	if (!counter)
		counter = std::make_unique<std::uint64_t>(0);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, counter.get(), 1);
}

std::string report()
{
	const std::lock_guard lock(mutex);
	std::string text;

	for (const auto &[block, count] : executions)
		text += std::to_string(block.first) + " " + std::to_string(block.second) + " " +
			std::to_string(*count) + "\n";
	return text;
}

void serve(int listener)
{
	for (;;) {
		const int connection = accept(listener, nullptr, nullptr);

		if (connection < 0)
			return;
		const std::string text = report();

		for (std::size_t sent = 0; sent < text.size();) {
			const ssize_t n = send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);

			if (n <= 0)
				break;
			sent += n;
		}
		close(connection);
	}
}

} // namespace

// The only argument is socket=PATH, relative to where QEMU runs.
extern "C" __attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id,
									   const qemu_info_t *, int argc,
									   char **argv)
{
	const std::string key = "socket=", word = argc == 1 ? argv[0] : "";
	sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};

	if (!word.starts_with(key) || word.size() - key.size() >= sizeof(address.sun_path))
		return -1;
	std::strcpy(address.sun_path, word.c_str() + key.size());
	const int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	unlink(address.sun_path);
	if (bind(listener, reinterpret_cast<sockaddr *>(&address), sizeof(address)) || listen(listener, 1))
		return -1;
	std::thread(serve, listener).detach();
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
