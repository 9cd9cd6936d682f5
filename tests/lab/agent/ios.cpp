// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Reads or writes so many blocks of a disk, so many at a time, past the page cache, by Linux's own AIO. It
// does nothing else, and the same in every run: for counting what an I/O costs, where fio's start would be
// most of it.
//
//   ios DISK read|write BYTES DEPTH IOS each|batch
//
// each: whenever one has ended, the next is submitted, as fio does. batch: as many as DEPTH in one system
// call, and the next when all have ended.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr std::uint64_t kArea = 64 << 20; // of the disk
constexpr unsigned kMaxDepth = 32;

[[noreturn]] void give_up(const char *what)
{
	std::perror(what);
	std::exit(1);
}

class Ios {
public:
	Ios(int fd, bool write, std::size_t bytes, unsigned depth) : bytes_(bytes)
	{
		if (syscall(SYS_io_setup, depth, &context_))
			give_up("io_setup");
		for (unsigned i = 0; i < depth; i++) {
			void *buffer;

			if (posix_memalign(&buffer, 4096, bytes))
				give_up("memory");
			std::memset(buffer, 0x5a, bytes);
			blocks_[i].aio_fildes = fd;
			blocks_[i].aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
			blocks_[i].aio_buf = reinterpret_cast<std::uintptr_t>(buffer);
			blocks_[i].aio_nbytes = bytes;
			pointers_[i] = &blocks_[i];
		}
	}

	// Places that are far apart, so that nothing is merged, and the same in each run.
	void submit(iocb **first, unsigned count)
	{
		for (unsigned i = 0; i < count; i++) {
			random_ = random_ * 6364136223846793005 + 1442695040888963407;
			first[i]->aio_offset = (random_ >> 33) % (kArea / bytes_) * bytes_;
		}
		for (unsigned done = 0; done < count;) {
			const long taken = syscall(SYS_io_submit, context_, count - done, first + done);

			if (taken <= 0)
				give_up("io_submit");
			done += taken;
		}
	}
	void submit_all(unsigned count) { submit(pointers_, count); }
	void submit_one(unsigned slot) { submit(&pointers_[slot], 1); }

	// Returns how many have ended, at least `least`; which, is in slots().
	unsigned reap(unsigned least)
	{
		io_event events[kMaxDepth];
		const long ended = syscall(SYS_io_getevents, context_, least, kMaxDepth, events, nullptr);

		if (ended < 0)
			give_up("io_getevents");
		for (long i = 0; i < ended; i++) {
			if (events[i].res != static_cast<std::int64_t>(bytes_)) {
				std::fprintf(stderr, "an I/O ended with %lld\n", events[i].res);
				std::exit(1);
			}
			slots_[i] = reinterpret_cast<iocb *>(events[i].obj) - blocks_;
		}
		return ended;
	}
	const unsigned *slots() const { return slots_; }

private:
	aio_context_t context_ = 0;
	std::size_t bytes_;
	std::uint64_t random_ = 1;
	iocb blocks_[kMaxDepth]{}, *pointers_[kMaxDepth]{};
	unsigned slots_[kMaxDepth]{};
};

void one_by_one(Ios &ios, unsigned depth, unsigned count)
{
	unsigned begun = 0;

	for (unsigned slot = 0; slot < depth && begun < count; slot++, begun++)
		ios.submit_one(slot);
	for (unsigned ended = 0; ended < count;) {
		const unsigned now = ios.reap(1);

		ended += now;
		for (unsigned i = 0; i < now && begun < count; i++, begun++)
			ios.submit_one(ios.slots()[i]);
	}
}

void in_batches(Ios &ios, unsigned depth, unsigned count)
{
	for (unsigned ended = 0; ended < count; ended += depth) {
		ios.submit_all(depth);
		for (unsigned left = depth; left;)
			left -= ios.reap(left);
	}
}

} // namespace

int main(int argc, char **argv)
{
	if (argc != 7) {
		std::fputs("usage: ios DISK read|write BYTES DEPTH IOS each|batch\n", stderr);
		return 2;
	}
	const bool write = !std::strcmp(argv[2], "write");
	const std::size_t bytes = std::strtoul(argv[3], nullptr, 10);
	const unsigned depth = std::atoi(argv[4]), count = std::atoi(argv[5]);
	const int fd = open(argv[1], (write ? O_RDWR : O_RDONLY) | O_DIRECT);

	if (fd < 0)
		give_up(argv[1]);
	if (!bytes || !depth || depth > kMaxDepth)
		return 2;
	Ios ios(fd, write, bytes, depth);
	if (!std::strcmp(argv[6], "batch"))
		in_batches(ios, depth, count);
	else
		one_by_one(ios, depth, count);
	return 0;
}
