// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Data: what is written is what is read, in every size and depth, on every kind of target.
#include "lab/fio.h"
#include "tests/support.h"

namespace lab {

class VerifiedIo : public LabTest, public testing::WithParamInterface<unsigned> {};

TEST_P(VerifiedIo, AtQueueDepth)
{
	Login login(initiator(), kPlainTarget, portal(Path::A));

	EXPECT_THAT(verify_disk(initiator(), login.disk(), GetParam()), Succeeded());
}

INSTANTIATE_TEST_SUITE_P(Depths, VerifiedIo, testing::Values(1, 4, 16, 64),
			 testing::PrintToStringParamName());

class Io : public LabTest {};

TEST_F(Io, GoesToTwoLunsAtOnce)
{
	Login login(initiator(), kPlainTarget, portal(Path::A));
	const std::string second = login.disk(1);
	Job other = initiator().start(fio_command(second, "--rw=randwrite --bs=16k --iodepth=8 --size=16M "
							  "--verify=crc32c --verify_fatal=1"));

	EXPECT_THAT(verify_disk(initiator(), login.disk(0), 8), Succeeded());
	EXPECT_THAT(other.wait(), Succeeded());
}

TEST_F(Io, ReachesTheLargestTransferAndASingleSector)
{
	Login login(initiator(), kPlainTarget, portal(Path::A));
	const std::string disk = login.disk();
	const std::string queue = "/sys/block/" + disk.substr(5) + "/queue/";

	initiator().output("cat " + queue + "max_hw_sectors_kb >" + queue + "max_sectors_kb");
	const std::string largest = initiator().output("cat " + queue + "max_sectors_kb");
	for (const std::string &size : {largest + "k", std::string("512")}) {
		SCOPED_TRACE(size);
		EXPECT_THAT(initiator().run(fio_command(disk, "--rw=write --bs=" + size +
								      " --iodepth=4 --io_size=8M --size=32M "
								      "--number_ios=200 --verify=crc32c "
								      "--verify_fatal=1")),
			    Succeeded());
	}
}

TEST_F(Io, CarriesAFileSystem)
{
	Login login(initiator(), kPlainTarget, portal(Path::B));
	const std::string disk = login.disk();

	EXPECT_THAT(initiator().run(fmt::format(R"(set -e
mkfs.ext4 -q -F {0}
mkdir -p /mnt/lab
mount {0} /mnt/lab
trap 'mountpoint -q /mnt/lab && umount /mnt/lab' EXIT
cp -a /usr/lib/systemd /usr/bin/bash /mnt/lab
sync -f /mnt/lab
umount /mnt/lab
echo 3 >/proc/sys/vm/drop_caches
fsck.ext4 -f -n {0}
mount {0} /mnt/lab
diff -r --no-dereference /usr/lib/systemd /mnt/lab/systemd
cmp /usr/bin/bash /mnt/lab/bash)",
						disk),
				    minutes(2)),
		    Succeeded());
}

TEST_F(Io, EndsWithAnErrorAtLogoutAndTheNextLoginWorks)
{
	Login login(initiator(), kPlainTarget, portal(Path::A));
	const std::string disk = login.disk();
	Job io = initiator().start(fio_command(disk, "--rw=randrw --bs=8k --iodepth=32 --size=64M "
						     "--time_based --runtime=60"));

	await_io(initiator(), disk);
	EXPECT_THAT(login.logout(), Succeeded());
	const CommandResult result = io.wait();
	EXPECT_FALSE(result.ok());

	Login again(initiator(), kPlainTarget, portal(Path::B));
	EXPECT_THAT(verify_disk(initiator(), again.disk(), 4, "4M"), Succeeded());
}

} // namespace lab
