// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// A plugin for QEMU's TCG: how often each translated block of a guest's kernel modules has been executed.
// Whoever connects to its socket gets a line "address instructions atomics callee executions" for each, and
// may ask again later. With one CPU the figures are exact.
//
// Atomics are the block's read-modify-write instructions that lock the bus, the callee is where a direct call
// or jump at its end leads, or 0.
//
// QEMU's declarations stand here because Debian does not ship its header; the interface is that of
// version 1, docs/devel/tcg-plugins.rst.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

extern "C" {
struct qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
using qemu_plugin_id_t = std::uint64_t;
using tb_callback_t = void (*)(qemu_plugin_id_t id, qemu_plugin_tb *tb);
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_callback_t callback);
void qemu_plugin_register_vcpu_tb_exec_inline(qemu_plugin_tb *tb, qemu_plugin_op op, void *counter,
					      std::uint64_t value);
std::size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb *tb);
std::uint64_t qemu_plugin_tb_vaddr(const qemu_plugin_tb *tb);
qemu_plugin_insn *qemu_plugin_tb_get_insn(const qemu_plugin_tb *tb, std::size_t index);
const void *qemu_plugin_insn_data(const qemu_plugin_insn *insn);
std::size_t qemu_plugin_insn_size(const qemu_plugin_insn *insn);
std::uint64_t qemu_plugin_insn_vaddr(const qemu_plugin_insn *insn);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;
}

namespace {

constexpr std::uint64_t kModules = 0xffffffffa0000000; // x86-64: where the kernel loads them

// A block that is translated anew has the same place, and so the same counter.
using Place = std::pair<std::uint64_t, std::size_t>;

struct Block {
	std::unique_ptr<std::uint64_t> executions = std::make_unique<std::uint64_t>(0);
	unsigned atomics = 0;
	std::uint64_t callee = 0;
};

std::mutex mutex; // guards the next one; QEMU itself adds to the counters
std::map<Place, Block> blocks;

using Bytes = std::basic_string_view<std::uint8_t>;

Bytes bytes_of(const qemu_plugin_insn *insn)
{
	return {static_cast<const std::uint8_t *>(qemu_plugin_insn_data(insn)), qemu_plugin_insn_size(insn)};
}

// An xchg with memory locks the bus without being told to.
bool is_atomic(Bytes insn)
{
	static constexpr std::uint8_t kPrefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64,
						     0x65, 0x66, 0x67, 0xf2, 0xf3};
	std::size_t i = 0;

	while (i < insn.size() && std::ranges::find(kPrefixes, insn[i]) != std::end(kPrefixes))
		i++;
	if (i < insn.size() && insn[i] == 0xf0)
		return true;
	if (i < insn.size() && (insn[i] & 0xf0) == 0x40) // REX
		i++;
	return i + 1 < insn.size() && (insn[i] == 0x86 || insn[i] == 0x87) && insn[i + 1] < 0xc0;
}

std::uint64_t callee_of(const qemu_plugin_insn *insn)
{
	const Bytes bytes = bytes_of(insn);
	std::int32_t distance;

	if (bytes.size() != 5 || (bytes[0] != 0xe8 && bytes[0] != 0xe9))
		return 0;
	std::memcpy(&distance, bytes.data() + 1, sizeof(distance));
	return qemu_plugin_insn_vaddr(insn) + bytes.size() + distance;
}

void translated(qemu_plugin_id_t, qemu_plugin_tb *tb)
{
	const Place place{qemu_plugin_tb_vaddr(tb), qemu_plugin_tb_n_insns(tb)};

	if (place.first < kModules)
		return;
	const std::lock_guard lock(mutex);
	Block &block = blocks[place];

	// Another module may have been loaded there since.
	block.atomics = 0;
	for (std::size_t i = 0; i < place.second; i++)
		block.atomics += is_atomic(bytes_of(qemu_plugin_tb_get_insn(tb, i)));
	block.callee = callee_of(qemu_plugin_tb_get_insn(tb, place.second - 1));
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, block.executions.get(), 1);
}

std::string report()
{
	const std::lock_guard lock(mutex);
	std::string text;

	for (const auto &[place, block] : blocks) {
		for (std::uint64_t word :
		     {place.first, std::uint64_t{place.second}, std::uint64_t{block.atomics}, block.callee})
			text += std::to_string(word) + " ";
		text += std::to_string(*block.executions) + "\n";
	}
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
			const ssize_t n =
				send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);

			if (n <= 0)
				break;
			sent += n;
		}
		close(connection);
	}
}

} // namespace

// The only argument is socket=PATH, relative to where QEMU runs.
extern "C" __attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *, int argc, char **argv)
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
