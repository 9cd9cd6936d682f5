// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * T10 protection information, from memory to wire and back.
 *
 * The device does the work, as it was told by the registration; the tests look
 * at both ends of it: the bytes that the far end gets or sends, block by block
 * with what is behind it, and the bytes in memory. Every operation is tried with
 * both guards, each type of protection, and memory in many shapes.
 */
#include <linux/unaligned.h>

#include "bed_pi.h"

/* iSER header, RFC 7145 section 9.2, and where things are in the BHS behind it */
#define ISER_FLAGS	0
#define BHS(n)		(28 + (n))

struct pi_layout {
	const char	*desc;
	u32		len;
	u32		offset, piece;
	u32		prot_offset, prot_piece;
	u32		interval;	/* 512 */
	u64		lba;
	bool		sg_gaps;
};

static const struct pi_layout pi_layouts[] = {
	{ "one block", 512 },
	{ "one page", 4096 },
	{ "64 KiB", 65536 },
	{ "an unaligned start", 16384, .offset = 1536 },
	{ "protection at an odd offset", 16384, .prot_offset = 4093 },
	{ "protection in pieces", 32768, .prot_piece = 64, .prot_offset = 8 },
	{ "tuples cut by the end of a piece", 16384, .prot_piece = 12 },
	{ "tuples in single bytes", 2048, .prot_piece = 1, .prot_offset = 77 },
	{ "both in pieces with gaps", 16384, .offset = 512, .piece = 1536,
	  .prot_offset = 3, .prot_piece = 20, .sg_gaps = true },
	{ "blocks of 4 KiB", 32768, .interval = 4096 },
	{ "reference tags that wrap", 4096, .lba = 0xfffffffdull },
	{ "an LBA beyond 32 bits", 4096, .lba = 0x2500000100ull },
	{ "512 KiB, the longest", 524288 },
};

static const struct pi_op {
	const char	*desc;
	unsigned char	op;
	u8		type;
} pi_ops[] = {
	{ "read insert",		SCSI_PROT_READ_INSERT,	0 },
	{ "read strip, type 1",		SCSI_PROT_READ_STRIP,	1 },
	{ "read strip, type 3",		SCSI_PROT_READ_STRIP,	3 },
	{ "read pass, type 1",		SCSI_PROT_READ_PASS,	1 },
	{ "read pass, type 3",		SCSI_PROT_READ_PASS,	3 },
	{ "write strip",		SCSI_PROT_WRITE_STRIP,	0 },
	{ "write insert, type 1",	SCSI_PROT_WRITE_INSERT,	1 },
	{ "write insert, type 3",	SCSI_PROT_WRITE_INSERT,	3 },
	{ "write pass, type 1",		SCSI_PROT_WRITE_PASS,	1 },
	{ "write pass, type 3",		SCSI_PROT_WRITE_PASS,	3 },
};

/* Operation, guard and layout: all with all. */
struct pi_case {
	const struct pi_op	*op;
	const struct pi_layout	*layout;
	bool			ip;
};

static struct pi_case pi_cases[ARRAY_SIZE(pi_ops) * ARRAY_SIZE(pi_layouts) * 2];

static const void *pi_gen_params(struct kunit *test, const void *prev, char *desc)
{
	const struct pi_case *last = prev;
	struct pi_case *c = prev ? &pi_cases[last - pi_cases + 1] : pi_cases;
	unsigned int n = c - pi_cases;

	if (n == ARRAY_SIZE(pi_cases))
		return NULL;
	c->ip = n % 2;
	c->op = &pi_ops[n / 2 % ARRAY_SIZE(pi_ops)];
	c->layout = &pi_layouts[n / 2 / ARRAY_SIZE(pi_ops)];
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, %s guard, %s", c->op->desc,
		 c->ip ? "IP" : "CRC", c->layout->desc);
	return c;
}

/*
 * The key leads to the end of the wire's bytes and not further, with the right
 * that the direction needs and no other.
 */
static void pi_expect_key(struct kunit *test, struct fake_qp *qp, u32 key, u64 va,
			  u32 len, bool write)
{
	u8 byte;

	KUNIT_EXPECT_EQ(test, fake_rdma(qp, key, va + len, &byte, 1, !write),
			-ERANGE);
	KUNIT_EXPECT_EQ(test, fake_rdma(qp, key, va, &byte, 1, write), -EACCES);
}

/* One STag for data and protection; EDTL counts the bytes on the wire. */
static void pi_expect_command(struct pi_cmd *cmd, struct fake_qp *qp,
			      const struct fake_pdu *pdu)
{
	const struct iser_ctrl *iser = pdu_iser(pdu);
	struct kunit *test = cmd->bed->test;
	const u8 *hdr = pdu->data;

	KUNIT_EXPECT_EQ(test, pdu->len, 76);
	KUNIT_EXPECT_EQ(test, hdr[ISER_FLAGS], cmd->write ? 0x18 : 0x14);
	KUNIT_EXPECT_EQ(test, hdr[BHS(1)], cmd->write ? 0xa1 : 0xc1);
	KUNIT_EXPECT_EQ(test, get_unaligned_be24(hdr + BHS(5)), 0);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(hdr + BHS(20)), pi_wire_len(cmd));
	pi_expect_key(test, qp, target_key(pdu),
		      be64_to_cpu(cmd->write ? iser->write_va : iser->read_va),
		      pi_wire_len(cmd), cmd->write);
}

static void pi_run(struct kunit *test, bool no_remote_inv)
{
	const struct pi_case *c = test->param_value;
	const struct pi_layout *l = c->layout;
	struct fake_hca_config cfg = { .integrity = true, .sg_gaps = l->sg_gaps };
	struct bed *bed = bed_create_pi(test, &cfg, c->ip, l->interval ?: 512);
	struct session *s = bed_logged_in(bed, NULL);
	struct fake_pdu *pdu;
	struct pi_cmd *cmd;
	u8 byte;

	bed->target->hold = true;
	bed->target->no_remote_inv = no_remote_inv;
	cmd = pi_create(s, &(struct pi_spec) {
		.op = c->op->op,
		.type = c->op->type,
		.lba = l->lba,
		.len = l->len,
		.offset = l->offset,
		.piece = l->piece,
		.prot_offset = l->prot_offset,
		.prot_piece = l->prot_piece,
	});
	pi_submit(cmd);
	pdu = bed_next_pdu(bed, s->qp, ISCSI_OP_SCSI_CMD);
	pi_expect_command(cmd, s->qp, pdu);
	pi_serve(cmd, s->qp, pdu);
	KUNIT_EXPECT_FALSE(test, pi_is_done(cmd));
	KUNIT_EXPECT_EQ(test, target_respond(bed->target, s->qp, pdu), 0);
	pi_expect_good(cmd);
	KUNIT_EXPECT_EQ(test, fake_rdma(s->qp, target_key(pdu), 0, &byte, 1, false),
			-EKEYREVOKED);
}

static void protection_arrives(struct kunit *test)
{
	pi_run(test, false);
}

static void same_without_remote_invalidation(struct kunit *test)
{
	pi_run(test, true);
}

static struct kunit_case ib_iser_pi_cases[] = {
	KUNIT_CASE_PARAM(protection_arrives, pi_gen_params),
	KUNIT_CASE_PARAM(same_without_remote_invalidation, pi_gen_params),
	{}
};

static struct kunit_suite ib_iser_pi_suite = {
	.name = "ib_iser_pi",
	.test_cases = ib_iser_pi_cases,
};

kunit_test_suite(ib_iser_pi_suite);
