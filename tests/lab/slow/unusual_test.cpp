// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What administrators do less often: the ends of a disk, odd sizes, LUNs that come and go, very many
// LUNs, many sessions.
#include <algorithm>
#include <vector>

#include "lab/fio.h"
#include "tests/support.h"

namespace lab {

using testing::MatchesRegex;
using testing::Not;

class Unusual : public LabTest {
protected:
	Unusual() : LabTest(minutes(10)) {}

	static std::string queue(const std::string &disk) { return "/sys/block/" + disk.substr(5) + "/queue/"; }
};

TEST_F(Unusual, LastSectorIsWrittenThroughThePageCache)
{
	Login login(initiator(), kPlainTarget, portal(Path::A));

	EXPECT_THAT(initiator().run(fmt::format(R"(set -e
last=$(($(blockdev --getsz {0}) - 1))
dd if=/dev/urandom of=/tmp/sector bs=512 count=1 status=none
dd if=/tmp/sector of={0} bs=512 seek=$last conv=notrunc,fsync status=none
echo 3 >/proc/sys/vm/drop_caches
dd if={0} bs=512 skip=$last iflag=direct status=none | cmp - /tmp/sector)",
						login.disk())),
		    Succeeded());
}

// LIO's default is 256 pages for a command's data; the rest of it is a second list.
TEST_F(Unusual, CommandIsAsLongAsAnMrCanBe)
{
	const std::string parameter = "/sys/module/ib_iser/parameters/max_sectors";
	const std::string former = initiator().output("cat " + parameter);

	initiator().output("echo 4096 >" + parameter);
	{
		Login login(initiator(), kPlainTarget, portal(Path::A));
		const std::string disk = login.disk();

		initiator().output(fmt::format("cat {0}max_hw_sectors_kb >{0}max_sectors_kb", queue(disk)));
		EXPECT_GE(std::stoul(initiator().output("cat " + queue(disk) + "max_sectors_kb")), 1024u);
		EXPECT_THAT(initiator().run(fio_command(disk, "--rw=write --bs=2M --iodepth=8 --size=64M "
							      "--verify=crc32c --verify_fatal=1"),
					    minutes(3)),
			    Succeeded());
	}
	initiator().output("echo " + trimmed(former) + " >" + parameter);
}

TEST_F(Unusual, FileSystemOfSmallBlocksIsMadeWithManyCommands)
{
	Login login(initiator(), kPlainTarget, portal(Path::A),
		    {{"node.session.cmds_max", "512"}, {"node.session.queue_depth", "128"}});
	const std::string disk = login.disk();

	EXPECT_THAT(initiator().run("mkfs.ext4 -q -F -b 1024 " + disk + " && fsck.ext4 -f -n " + disk, minutes(3)),
		    Succeeded());
	EXPECT_EQ(login.sessions().size(), 1u);
}

TEST_F(Unusual, LunsComeAndGoUnderIo)
{
	Login login(initiator(), kPlainTarget, portal(Path::A));
	const std::string disk = login.disk();
	Job io = initiator().start(fio_command(disk, "--rw=randwrite --bs=16k --iodepth=8 --size=32M --verify=crc32c "
						     "--verify_fatal=1 --time_based --runtime=30"));

	await_io(initiator(), disk);
	for (unsigned lun : {5, 6, 5}) {
		const ExtraLun extra(target(), lun);

		initiator().output("iscsiadm -m session --rescan");
		const std::string added = login.disk(lun);

		EXPECT_THAT(initiator().run("dd if=" + added + " of=/dev/null bs=64k count=16 iflag=direct"),
			    Succeeded());
		initiator().output("echo 1 >/sys/block/" + added.substr(5) + "/device/delete");
	}
	EXPECT_THAT(io.wait(), Succeeded());
	EXPECT_EQ(login.sessions().size(), 1u);
}

// To LIO all sessions of a machine with one target are one nexus (UPSTREAM.md, "LIO takes all sessions
// of a machine for one nexus"): the other has another target.
TEST_F(Unusual, ReservationIsPreemptedUnderIo)
{
	set_up_crowd(target(), 1);
	target().output("mkdir -p /var/target/pr");
	Login holder(initiator(), kPlainTarget, portal(Path::A));
	Login other(initiator(), crowd_target(0), crowd_portal(0));
	const std::string disk = holder.disk(), same_disk = other.disk();
	const auto reserve_out = [&](const std::string &disk, const std::string &action) {
		return initiator().run("sg_persist --no-inquiry --out " + action + " " + disk);
	};
	const auto write_to = [&](const std::string &disk) {
		return initiator().run("dd if=/dev/zero of=" + disk + " bs=64k count=16 oflag=direct");
	};

	ASSERT_THAT(reserve_out(disk, "--register --param-sark=0xa"), Succeeded());
	ASSERT_THAT(reserve_out(disk, "--reserve --param-rk=0xa --prout-type=5"), Succeeded());
	EXPECT_THAT(write_to(same_disk), Not(Succeeded()));
	Job io = initiator().start(fio_command(disk, "--rw=randwrite --bs=16k --iodepth=8 --size=32M "
						     "--time_based --runtime=60"));

	await_io(initiator(), disk);
	ASSERT_THAT(reserve_out(same_disk, "--register --param-sark=0xb"), Succeeded());
	ASSERT_THAT(reserve_out(same_disk, "--preempt --param-rk=0xb --param-sark=0xa --prout-type=5"),
		    Succeeded());
	EXPECT_THAT(io.wait(), Not(Succeeded()));
	EXPECT_THAT(write_to(disk), Not(Succeeded()));
	EXPECT_THAT(write_to(same_disk), Succeeded());
	EXPECT_THAT(reserve_out(same_disk, "--clear --param-rk=0xb"), Succeeded());
	EXPECT_THAT(write_to(disk), Succeeded());
	EXPECT_EQ(holder.sessions().size(), 1u);
	EXPECT_EQ(other.sessions().size(), 1u);
}

// A cable is out for a while; all disks of both paths are there afterwards, and answer.
TEST_F(Unusual, TwoHundredLunsOutliveAPulledCable)
{
	constexpr unsigned kLuns = 200;

	set_up_wide_target(target(), kLuns);
	Login pulled(initiator(), kWideTarget, portal(Path::A));
	Login other(initiator(), kWideTarget, portal(Path::B));
	const auto disks = [&](Login &login) {
		return initiator().output(fmt::format("cd /sys/class/iscsi_session/session{}/device && "
						      "echo $(for d in target*/*/block/*; do echo ${{d##*/}}; done)",
						      login.sessions().at(0)));
	};
	const auto count = [&](Login &login) {
		const std::string names = disks(login);

		return static_cast<unsigned>(std::count(names.begin(), names.end(), ' ')) + 1;
	};
	const auto read_all = [&](Login &login) {
		return initiator().run("for d in " + disks(login) +
					       "; do dd if=/dev/$d of=/dev/null bs=4k count=1 iflag=direct status=none || "
					       "exit 1; done",
				       minutes(4));
	};

	ASSERT_TRUE(eventually([&] { return count(pulled) == kLuns && count(other) == kLuns; }, minutes(3), seconds(2)))
		<< count(pulled) << " and " << count(other) << " disks";
	pulled.disk(kLuns - 1);
	other.disk(kLuns - 1);
	initiator().set_cable(0, false);
	EXPECT_THAT(read_all(other), Succeeded());
	initiator().set_cable(0, true);
	EXPECT_THAT(read_all(pulled), Succeeded());
	EXPECT_EQ(count(pulled), kLuns);
	EXPECT_EQ(count(other), kLuns);
}

// As the files in debugfs show them, one session a line: "session3 1".
static std::string vectors(Vm &initiator)
{
	return initiator.output("cd /sys/kernel/debug/ib_iser && grep -o 'completion vector [0-9]*' session* | "
				"sed 's/:.* / /' | sort -V; true");
}

// Eight sessions on the machine's two vectors, and a discovery before each of them.
TEST_F(Unusual, SessionsAreSpreadOverVectorsAndStayThere)
{
	constexpr unsigned kSessions = 8;
	std::vector<Login> logins;

	if (!ours())
		GTEST_SKIP() << "Debian's module has no such file";
	set_up_crowd(target(), kSessions);
	for (unsigned i = 0; i < kSessions; i++) {
		discover(initiator(), portal(Path::A));
		logins.emplace_back(initiator(), crowd_target(i), crowd_portal(i));
	}
	const std::string before = vectors(initiator());

	EXPECT_THAT(initiator().output("grep -ho 'completion vector [0-9]*' /sys/kernel/debug/ib_iser/session* | "
				       "sort | uniq -c"),
		    MatchesRegex(" *4 completion vector 0\n *4 completion vector 1"));
	initiator().set_cable(0, false);
	EXPECT_TRUE(eventually([&] { return vectors(initiator()).empty(); }, minutes(1), seconds(1)));
	initiator().set_cable(0, true);
	EXPECT_TRUE(eventually([&] { return vectors(initiator()) == before; }, minutes(1), seconds(1)))
		<< before << "and then\n" << vectors(initiator());
	logins.clear();
	initiator().run("iscsiadm -m node -o delete; iscsiadm -m discoverydb -t st -I iser -o delete -p " +
			portal(Path::A));
}

} // namespace lab
