// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Every way in which a write's data can travel: with the command (immediate), in Data-Out PDUs
// after it (unsolicited), or fetched by the target (solicited). LIO's answers decide, so each row
// sets LIO's keys; the node's settings offer all there is. Each row is checked by the module's own
// counters, and against the data.
#include "lab/fio.h"
#include "tests/support.h"

namespace lab {

struct MatrixRow {
	const char *name;
	const char *initial_r2t, *immediate_data;
	const char *first_burst, *max_burst;
	const char *segment; // TargetRecvDataSegmentLength wanted: node's MaxXmitDataSegmentLength
	bool immediate, unsolicited, solicited;
};

static const MatrixRow kRows[] = {
	// Writes of 256 KiB, larger than any FirstBurstLength below but the last row's, and of 4 KiB, which
	// may go as immediate data.
	{"R2tNoImmediate", "Yes", "No", "65536", "262144", "0", false, false, true},
	{"R2tWithImmediate", "Yes", "Yes", "65536", "262144", "0", true, false, true},
	{"NoR2tNoImmediate", "No", "No", "65536", "262144", "0", false, true, true},
	{"NoR2tWithImmediate", "No", "Yes", "65536", "262144", "0", true, true, true},
	{"SmallestBursts", "No", "Yes", "512", "512", "0", true, false, true},
	{"SmallFirstBurst", "No", "Yes", "4096", "16776192", "0", true, false, true},
	{"SmallSegments", "No", "Yes", "65536", "262144", "4096", true, true, true},
	{"LargestBursts", "No", "Yes", "16776192", "16776192", "0", true, true, false},
};

static std::ostream &operator<<(std::ostream &stream, const MatrixRow &row)
{
	return stream << row.name;
}

class Matrix : public LabTest, public testing::WithParamInterface<MatrixRow> {
protected:
	void check_counter(const std::string &name, Statistics &before, Statistics &after, bool wanted)
	{
		EXPECT_EQ(after[name] > before[name], wanted)
			<< name << " went from " << before[name] << " to " << after[name];
	}
};

TEST_P(Matrix, MovesTheDataThatWay)
{
	const MatrixRow &row = GetParam();
	LioParameters parameters(target(), {{"InitialR2T", row.initial_r2t},
					    {"ImmediateData", row.immediate_data},
					    {"FirstBurstLength", row.first_burst},
					    {"MaxBurstLength", row.max_burst}});
	Login login(initiator(), kPlainTarget, portal(Path::A),
		    {{"node.session.iscsi.InitialR2T", "No"},
		     {"node.session.iscsi.ImmediateData", "Yes"},
		     {"node.session.iscsi.FirstBurstLength", "16776192"},
		     {"node.session.iscsi.MaxBurstLength", "16776192"},
		     {"node.conn[0].iscsi.MaxXmitDataSegmentLength", row.segment}});
	const std::string disk = login.disk();

	if (ours()) {
		Statistics before = login.statistics();
		for (const char *size : {"256k", "4k"})
			ASSERT_THAT(initiator().run("dd if=/dev/urandom of=" + disk + " bs=" + size +
						    " count=4 oflag=direct conv=nocreat"),
				    Succeeded());
		Statistics after = login.statistics();

		check_counter("immediate_bytes", before, after, row.immediate);
		check_counter("unsolicited_bytes", before, after, row.unsolicited);
		check_counter("solicited_bytes", before, after, row.solicited);
	}
	EXPECT_THAT(initiator().run(fio_command(disk, "--rw=randwrite --bsrange=4k-512k --blockalign=4k "
						      "--iodepth=8 --size=16M --verify=crc32c "
						      "--verify_fatal=1")),
		    Succeeded());
}

class Refused : public LabTest {};

// 16 MiB of unsolicited data in segments of 512 bytes is more than a send queue can ever hold.
TEST_F(Refused, WhatTheSendQueueCouldNeverHold)
{
	LioParameters parameters(target(), {{"InitialR2T", "No"},
					    {"ImmediateData", "No"},
					    {"FirstBurstLength", "16776192"},
					    {"MaxBurstLength", "16776192"}});
	const CommandResult login =
		Login::attempt(initiator(), kPlainTarget, portal(Path::A),
			       {{"node.session.initial_login_retry_max", "1"},
				{"node.session.iscsi.InitialR2T", "No"},
				{"node.session.iscsi.FirstBurstLength", "16776192"},
				{"node.session.iscsi.MaxBurstLength", "16776192"},
				{"node.conn[0].iscsi.MaxXmitDataSegmentLength", "512"}});

	if (!ours())
		GTEST_SKIP() << "only our module is known to say so";
	EXPECT_FALSE(login.ok());
	EXPECT_NE(initiator_console_->text().find("needs more send queue than there is"),
		  std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Rows, Matrix, testing::ValuesIn(kRows),
			 [](const auto &row) { return std::string(row.param.name); });

} // namespace lab
