// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What commands look like on the wire, byte by byte, against values worked out
 * by hand from RFC 7145 and RFC 7143.
 *
 * The target holds each message. The test reads the headers, moves the data
 * through the keys it finds in them, and answers.
 */
#include <linux/unaligned.h>

#include "bed.h"

/* iSER header, RFC 7145 section 9.2, and where things are in the BHS behind it */
#define ISER_FLAGS	0
#define ISER_WRITE_STAG	4
#define ISER_WRITE_VA	8
#define ISER_READ_STAG	16
#define ISER_READ_VA	20
#define BHS(n)		(28 + (n))

struct wire_case {
	const char		*desc;
	struct fake_hca_config	cfg;
	struct iscsid_params	params;
	struct cmd_spec		cmd;
	/* wanted */
	u8			iser_flags;	/* 0x10, WSV 0x08, RSV 0x04 */
	u8			bhs_flags;	/* F 0x80, R 0x40, W 0x20, simple 1 */
	u32			immediate;	/* bytes in the command PDU */
	u32			dataout[6];	/* bytes in each Data-Out PDU */
	u32			solicited;	/* bytes left to RDMA Read */
};

static const struct wire_case wire_cases[] = {
	/* reads: R, one read STag for all of the buffer, whatever its layout */
	{ "read of one page", {}, {}, { .len = 4096 },
	  0x14, 0xc1 },
	{ "read of 512 bytes in the middle of a page", {}, {},
	  { .len = 512, .offset = 1536 }, 0x14, 0xc1 },
	{ "read of 64 KiB from an unaligned start", {}, {},
	  { .len = 65536, .offset = 512 }, 0x14, 0xc1 },
	{ "read of 512 KiB, the longest", {}, {}, { .len = 524288 },
	  0x14, 0xc1 },
	{ "read into joined pages", { .dma_merge = true }, {},
	  { .len = 32768 }, 0x14, 0xc1 },
	{ "read into pieces with gaps", { .sg_gaps = true }, {},
	  { .len = 8192, .offset = 512, .piece = 1024 }, 0x14, 0xc1 },
	/* no data: no STag, neither R nor W */
	{ "no data", {}, {}, { .len = 0 }, 0x10, 0x81 },
	/* ImmediateData=Yes, InitialR2T=Yes: what LIO negotiates */
	{ "write that is all immediate", {}, {},
	  { .len = 4096, .write = true }, 0x10, 0xa1, 4096 },
	{ "write that just fits as immediate data", {}, {},
	  { .len = 8192, .write = true }, 0x10, 0xa1, 8192 },
	{ "write that is not all immediate is solicited", {}, {},
	  { .len = 12288, .write = true }, 0x18, 0xa1, 0, {}, 12288 },
	{ "write of 512 KiB", {}, {},
	  { .len = 524288, .write = true }, 0x18, 0xa1, 0, {}, 524288 },
	{ "write from an unaligned start", {}, {},
	  { .len = 65536, .offset = 1024, .write = true },
	  0x18, 0xa1, 0, {}, 65536 },
	{ "immediate data from an unaligned start", {}, {},
	  { .len = 4096, .offset = 2048, .write = true }, 0x10, 0xa1, 4096 },
	{ "write from joined pages", { .dma_merge = true }, {},
	  { .len = 32768, .write = true }, 0x18, 0xa1, 0, {}, 32768 },
	{ "immediate data from as many pieces as a SEND takes", { .sg_gaps = true },
	  {}, { .len = 5120, .offset = 512, .piece = 1024, .write = true },
	  0x10, 0xa1, 5120 },
	{ "write from more pieces than that", { .sg_gaps = true }, {},
	  { .len = 6144, .offset = 512, .piece = 1024, .write = true },
	  0x18, 0xa1, 0, {}, 6144 },
	{ "FirstBurstLength bounds immediate data", {}, { .first_burst = 4096 },
	  { .len = 8192, .write = true }, 0x18, 0xa1, 0, {}, 8192 },
	{ "TargetRecvDataSegmentLength bounds immediate data", {},
	  { .max_xmit = 512 },
	  { .len = 8192, .write = true }, 0x18, 0xa1, 0, {}, 8192 },
	/* ImmediateData=No, InitialR2T=Yes: SCST, tgt */
	{ "write that is all solicited", {}, { .no_immediate = true },
	  { .len = 4096, .write = true }, 0x18, 0xa1, 0, {}, 4096 },
	/* ImmediateData=No, InitialR2T=No */
	{ "write that is all unsolicited", {},
	  { .no_immediate = true, .no_initial_r2t = true },
	  { .len = 4096, .write = true }, 0x10, 0x21, 0, { 4096 } },
	{ "unsolicited data in several PDUs", {},
	  { .no_immediate = true, .no_initial_r2t = true },
	  { .len = 20480, .write = true }, 0x10, 0x21, 0, { 8192, 8192, 4096 } },
	{ "unsolicited data up to FirstBurstLength", {},
	  { .no_immediate = true, .no_initial_r2t = true, .first_burst = 16384 },
	  { .len = 16384, .write = true }, 0x10, 0x21, 0, { 8192, 8192 } },
	{ "what is beyond FirstBurstLength is solicited", {},
	  { .no_immediate = true, .no_initial_r2t = true, .first_burst = 16384 },
	  { .len = 65536, .write = true }, 0x18, 0x21, 0, { 8192, 8192 }, 49152 },
	{ "unsolicited data in more pieces than a SEND takes", { .sg_gaps = true },
	  { .no_immediate = true, .no_initial_r2t = true },
	  { .len = 16384, .offset = 512, .piece = 1024, .write = true },
	  0x10, 0x21, 0, { 8192, 8192 } },
	/* ImmediateData=Yes, InitialR2T=No */
	{ "immediate and unsolicited", {}, { .no_initial_r2t = true },
	  { .len = 16384, .write = true }, 0x10, 0x21, 8192, { 8192 } },
	{ "immediate as far as FirstBurstLength goes", {},
	  { .no_initial_r2t = true, .first_burst = 8192 },
	  { .len = 16384, .write = true }, 0x18, 0xa1, 8192, {}, 8192 },
	{ "as much as FirstBurstLength, from an unaligned start", {},
	  { .no_initial_r2t = true, .first_burst = 24576 },
	  { .len = 24576, .offset = 512, .write = true },
	  0x10, 0x21, 8192, { 8192, 8192 } },
	{ "as much, from pieces with gaps", { .sg_gaps = true },
	  { .no_initial_r2t = true, .first_burst = 24576 },
	  { .len = 24576, .offset = 512, .piece = 2048, .write = true },
	  0x10, 0x21, 8192, { 8192, 8192 } },
	{ "immediate, unsolicited and solicited", {},
	  { .no_initial_r2t = true, .first_burst = 24576 },
	  { .len = 65536, .write = true }, 0x18, 0x21, 8192, { 8192, 8192 },
	  40960 },
	{ "the same from an unaligned start", {},
	  { .no_initial_r2t = true, .first_burst = 24576 },
	  { .len = 65536, .offset = 512, .write = true },
	  0x18, 0x21, 8192, { 8192, 8192 }, 40960 },
	{ "the same, in more pieces than a SEND takes", { .sg_gaps = true },
	  { .no_initial_r2t = true, .first_burst = 24576 },
	  { .len = 65536, .offset = 512, .piece = 1024, .write = true },
	  0x18, 0x21, 8192, { 8192, 8192 }, 40960 },
};

KUNIT_ARRAY_PARAM_DESC(wire, wire_cases, desc);

/* A STag that is not valid is 0, and so is its address. */
static void wire_expect_no_stag(struct kunit *test, const u8 *hdr,
				unsigned int stag, unsigned int va)
{
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(hdr + stag), 0);
	KUNIT_EXPECT_EQ(test, get_unaligned_be64(hdr + va), 0);
}

static void wire_expect_iser_header(struct kunit *test, const u8 *hdr, u8 flags)
{
	KUNIT_EXPECT_EQ(test, hdr[ISER_FLAGS], flags);
	KUNIT_EXPECT_EQ(test, hdr[1] | hdr[2] | hdr[3], 0);
	if (!(flags & 0x08))
		wire_expect_no_stag(test, hdr, ISER_WRITE_STAG, ISER_WRITE_VA);
	if (!(flags & 0x04))
		wire_expect_no_stag(test, hdr, ISER_READ_STAG, ISER_READ_VA);
}

/*
 * The key leads from the advertised address to the end of the data and not a
 * byte further, with the right that the direction needs and no other.
 */
static void wire_expect_key(struct kunit *test, struct fake_qp *qp, u32 key,
			    u64 va, u32 len, bool write)
{
	u8 byte;

	KUNIT_EXPECT_EQ(test, fake_rdma(qp, key, va + len, &byte, 1, !write),
			-ERANGE);
	KUNIT_EXPECT_EQ(test, fake_rdma(qp, key, va, &byte, 1, write), -EACCES);
	KUNIT_EXPECT_EQ(test, fake_rdma(qp, key ^ 1, va, &byte, 1, !write),
			-ENOKEY);
}

static void wire_expect_command(struct kunit *test, struct fake_qp *qp,
				const struct fake_pdu *pdu,
				const struct wire_case *c)
{
	const u8 *hdr = pdu->data;

	wire_expect_iser_header(test, hdr, c->iser_flags);
	KUNIT_EXPECT_EQ(test, pdu->len, 76 + c->immediate);
	KUNIT_EXPECT_EQ(test, hdr[BHS(0)], 0x01);
	KUNIT_EXPECT_EQ(test, hdr[BHS(1)], c->bhs_flags);
	KUNIT_EXPECT_EQ(test, hdr[BHS(4)], 0);
	KUNIT_EXPECT_EQ(test, get_unaligned_be24(hdr + BHS(5)), c->immediate);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(hdr + BHS(20)), c->cmd.len);
	if (c->iser_flags & 0x04)
		wire_expect_key(test, qp, get_unaligned_be32(hdr + ISER_READ_STAG),
				get_unaligned_be64(hdr + ISER_READ_VA),
				c->cmd.len, false);
	if (c->iser_flags & 0x08)
		wire_expect_key(test, qp, get_unaligned_be32(hdr + ISER_WRITE_STAG),
				get_unaligned_be64(hdr + ISER_WRITE_VA),
				c->solicited, true);
}

/* One Data-Out PDU, RFC 7143 section 11.7; it carries no STag. */
static void wire_expect_dataout(struct kunit *test, struct bed *bed,
				struct fake_qp *qp, itt_t itt, u32 offset,
				unsigned int n, const struct wire_case *c)
{
	bool last = n + 1 == ARRAY_SIZE(c->dataout) || !c->dataout[n + 1];
	struct fake_pdu *pdu = bed_next_pdu(bed, qp, ISCSI_OP_SCSI_DATA_OUT);
	const u8 *hdr = pdu->data;

	wire_expect_iser_header(test, hdr, 0x10);
	KUNIT_EXPECT_EQ(test, hdr[BHS(0)], 0x05);
	KUNIT_EXPECT_EQ(test, hdr[BHS(1)], last ? 0x80 : 0);
	KUNIT_EXPECT_EQ(test, get_unaligned_be24(hdr + BHS(5)), c->dataout[n]);
	KUNIT_EXPECT_EQ(test, pdu->len, 76 + c->dataout[n]);
	KUNIT_EXPECT_EQ(test, (__force u32)pdu_hdr(pdu)->itt, (__force u32)itt);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(hdr + BHS(20)), 0xffffffff);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(hdr + BHS(36)), n);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(hdr + BHS(40)), offset);
	memcpy(bed->target->scratch + offset, hdr + 76,
	       min(pdu->len - 76, c->dataout[n]));
}

static void wire_expect_dataouts(struct kunit *test, struct bed *bed,
				 struct fake_qp *qp, const struct fake_pdu *cmd,
				 const struct wire_case *c)
{
	u32 offset = c->immediate;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(c->dataout) && c->dataout[n]; n++) {
		wire_expect_dataout(test, bed, qp, pdu_hdr(cmd)->itt, offset, n,
				    c);
		offset += c->dataout[n];
	}
	KUNIT_EXPECT_NULL(test, fake_qp_take_pdu(qp));
	qp->unsolicited = offset - c->immediate;
}

static void wire_move_data(struct kunit *test, struct bed *bed,
			   struct fake_qp *qp, const struct fake_pdu *pdu,
			   const struct wire_case *c)
{
	if (!c->cmd.len)
		return;
	if (c->cmd.write)
		KUNIT_EXPECT_EQ(test, target_fetch_write(bed->target, qp, pdu),
				0);
	else
		KUNIT_EXPECT_EQ(test, target_place_read(bed->target, qp, pdu),
				0);
}

static void wire_run(struct kunit *test, bool no_remote_inv)
{
	const struct wire_case *c = test->param_value;
	struct bed *bed = bed_create(test, &c->cfg);
	struct session *s = bed_logged_in(bed, &c->params);
	struct test_cmd *cmd;
	struct fake_pdu *pdu;
	u32 key;

	bed->target->hold = true;
	bed->target->no_remote_inv = no_remote_inv;
	cmd = cmd_submit(s, &c->cmd);
	pdu = bed_next_pdu(bed, s->qp, ISCSI_OP_SCSI_CMD);
	wire_expect_command(test, s->qp, pdu, c);
	wire_expect_dataouts(test, bed, s->qp, pdu, c);
	wire_move_data(test, bed, s->qp, pdu, c);
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	KUNIT_EXPECT_EQ(test, target_respond(bed->target, s->qp, pdu), 0);
	cmd_expect_good(cmd);
	key = target_key(pdu);
	if (key)
		KUNIT_EXPECT_EQ(test, fake_rdma(s->qp, key, 0, &key, 1, false),
				-EKEYREVOKED);
}

static void headers_are_as_worked_out(struct kunit *test)
{
	wire_run(test, false);
}

static void same_without_remote_invalidation(struct kunit *test)
{
	wire_run(test, true);
}

static struct kunit_case ib_iser_wire_cases[] = {
	KUNIT_CASE_PARAM(headers_are_as_worked_out, wire_gen_params),
	KUNIT_CASE_PARAM(same_without_remote_invalidation, wire_gen_params),
	{}
};

static struct kunit_suite ib_iser_wire_suite = {
	.name = "ib_iser_wire",
	.test_cases = ib_iser_wire_cases,
};

kunit_test_suite(ib_iser_wire_suite);
