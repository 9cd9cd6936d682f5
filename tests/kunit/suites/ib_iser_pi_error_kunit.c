// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Protection that is wrong: found by the device, fetched by the module when the
 * response comes, reported by libiscsi with the block that is bad. And what is
 * not to be checked is not. Afterwards the region serves the next command, which
 * hears nothing of its predecessor.
 */
#include <linux/blkdev.h>

#include "bed_pi.h"

enum pi_spoil {
	SPOIL_GUARD,
	SPOIL_REF,
	SPOIL_APP,
	SPOIL_DATA,
	SPOIL_NOTHING,
};

struct pi_error_case {
	const char	*desc;
	unsigned char	op;
	u8		type;
	bool		ip;
	u32		interval;	/* 512 */
	u64		lba;
	enum pi_spoil	spoil;
	u32		block;		/* of 32, or of 8 with 4 KiB each */
	bool		app_escape, ref_escape;		/* all ones there, too */
	bool		no_guard_check, no_ref_check;
	bool		check_apptag;	/* by a device that is not asked to */
	u8		ascq;		/* wanted; 0: the command is good */
};

#define GUARD_FAILED	1		/* SPC-4: LOGICAL BLOCK GUARD CHECK FAILED */
#define APP_FAILED	2		/* ... APPLICATION TAG ... */
#define REF_FAILED	3		/* ... REFERENCE TAG ... */

static const struct pi_error_case pi_error_cases[] = {
	{ "read strip, guard of the first block", SCSI_PROT_READ_STRIP, 1,
	  .spoil = SPOIL_GUARD, .block = 0, .ascq = GUARD_FAILED },
	{ "read strip, guard of the last block", SCSI_PROT_READ_STRIP, 1,
	  .spoil = SPOIL_GUARD, .block = 31, .ascq = GUARD_FAILED },
	{ "read strip, data", SCSI_PROT_READ_STRIP, 1,
	  .spoil = SPOIL_DATA, .block = 7, .ascq = GUARD_FAILED },
	{ "read strip, reference tag", SCSI_PROT_READ_STRIP, 1,
	  .spoil = SPOIL_REF, .block = 12, .ascq = REF_FAILED },
	{ "read strip, application tag", SCSI_PROT_READ_STRIP, 1,
	  .spoil = SPOIL_APP, .block = 3, .check_apptag = true,
	  .ascq = APP_FAILED },
	{ "read strip, guard on the wire of an IP host", SCSI_PROT_READ_STRIP, 1,
	  .ip = true, .spoil = SPOIL_GUARD, .block = 9, .ascq = GUARD_FAILED },
	{ "read strip, guard, type 3", SCSI_PROT_READ_STRIP, 3,
	  .spoil = SPOIL_GUARD, .block = 30, .ascq = GUARD_FAILED },
	{ "read strip, blocks of 4 KiB", SCSI_PROT_READ_STRIP, 1,
	  .interval = 4096, .spoil = SPOIL_GUARD, .block = 5,
	  .ascq = GUARD_FAILED },
	{ "read strip, an LBA beyond 32 bits", SCSI_PROT_READ_STRIP, 1,
	  .lba = 0x2500000100ull, .spoil = SPOIL_REF, .block = 17,
	  .ascq = REF_FAILED },
	{ "read strip, 4 KiB beyond 32 bits", SCSI_PROT_READ_STRIP, 1,
	  .interval = 4096, .lba = 0x1fffffffdull, .spoil = SPOIL_GUARD,
	  .block = 4, .ascq = GUARD_FAILED },
	{ "read pass, guard", SCSI_PROT_READ_PASS, 1,
	  .spoil = SPOIL_GUARD, .block = 1, .ascq = GUARD_FAILED },
	{ "read pass, guard to be converted", SCSI_PROT_READ_PASS, 1, .ip = true,
	  .spoil = SPOIL_GUARD, .block = 1, .ascq = GUARD_FAILED },
	{ "read pass, reference tag", SCSI_PROT_READ_PASS, 1,
	  .spoil = SPOIL_REF, .block = 31, .ascq = REF_FAILED },
	{ "read pass, application tag", SCSI_PROT_READ_PASS, 1,
	  .spoil = SPOIL_APP, .block = 2, .check_apptag = true,
	  .ascq = APP_FAILED },
	{ "write strip, guard", SCSI_PROT_WRITE_STRIP, 0,
	  .spoil = SPOIL_GUARD, .block = 4, .ascq = GUARD_FAILED },
	{ "write strip, IP guard", SCSI_PROT_WRITE_STRIP, 0, .ip = true,
	  .spoil = SPOIL_GUARD, .block = 31, .ascq = GUARD_FAILED },
	{ "write strip, data", SCSI_PROT_WRITE_STRIP, 0, .ip = true,
	  .spoil = SPOIL_DATA, .block = 20, .ascq = GUARD_FAILED },
	{ "write strip, reference tag", SCSI_PROT_WRITE_STRIP, 0,
	  .spoil = SPOIL_REF, .block = 8, .ascq = REF_FAILED },
	{ "write pass, guard", SCSI_PROT_WRITE_PASS, 1,
	  .spoil = SPOIL_GUARD, .block = 10, .ascq = GUARD_FAILED },
	{ "write pass, guard to be converted", SCSI_PROT_WRITE_PASS, 1,
	  .ip = true, .spoil = SPOIL_GUARD, .block = 11, .ascq = GUARD_FAILED },
	{ "write pass, reference tag", SCSI_PROT_WRITE_PASS, 1,
	  .spoil = SPOIL_REF, .block = 0, .ascq = REF_FAILED },
	{ "write pass, application tag", SCSI_PROT_WRITE_PASS, 1,
	  .spoil = SPOIL_APP, .block = 6, .check_apptag = true,
	  .ascq = APP_FAILED },
	/* what is not to be checked */
	{ "application tags are nobody's but the owner's", SCSI_PROT_READ_PASS, 1,
	  .spoil = SPOIL_APP, .block = 2 },
	{ "type 3: reference tags are the owner's", SCSI_PROT_READ_PASS, 3,
	  .spoil = SPOIL_REF, .block = 2 },
	{ "guards not to be checked", SCSI_PROT_READ_PASS, 1,
	  .spoil = SPOIL_GUARD, .block = 2, .no_guard_check = true },
	{ "reference tags not to be checked", SCSI_PROT_WRITE_PASS, 1,
	  .spoil = SPOIL_REF, .block = 2, .no_ref_check = true },
	{ "type 1: all ones as application tag", SCSI_PROT_READ_PASS, 1,
	  .spoil = SPOIL_GUARD, .block = 2, .app_escape = true },
	{ "type 1, write: all ones as application tag", SCSI_PROT_WRITE_PASS, 1,
	  .spoil = SPOIL_GUARD, .block = 2, .app_escape = true },
	{ "type 3: all ones as application tag only", SCSI_PROT_READ_PASS, 3,
	  .spoil = SPOIL_GUARD, .block = 2, .app_escape = true,
	  .ascq = GUARD_FAILED },
	{ "type 3: all ones in both tags", SCSI_PROT_READ_PASS, 3,
	  .spoil = SPOIL_GUARD, .block = 2, .app_escape = true,
	  .ref_escape = true },
};

KUNIT_ARRAY_PARAM_DESC(pi_error, pi_error_cases, desc);

static void pi_spoil_tuple(const struct pi_error_case *c,
			   struct t10_pi_tuple *tuple)
{
	if (c->app_escape)
		tuple->app_tag = T10_PI_APP_ESCAPE;
	if (c->ref_escape)
		tuple->ref_tag = T10_PI_REF_ESCAPE;
	if (c->spoil == SPOIL_GUARD)
		tuple->guard_tag ^= cpu_to_be16(0x0100);
	else if (c->spoil == SPOIL_REF)
		tuple->ref_tag ^= cpu_to_be32(1);
	else if (c->spoil == SPOIL_APP)
		tuple->app_tag ^= cpu_to_be16(0x8000);
}

/*
 * The data phase, with one block spoiled where it comes from: on the wire, or in
 * memory. Where nothing is checked, it is the same at the other end.
 */
static void pi_serve_spoiled(struct pi_cmd *cmd, struct fake_qp *qp,
			     const struct fake_pdu *pdu,
			     const struct pi_error_case *c)
{
	struct kunit *test = cmd->bed->test;
	u8 *wire = pi_wire_image(cmd);

	if (cmd->dif)
		pi_spoil_tuple(c, pi_wire_tuple(cmd, wire, c->block));
	if (!cmd->write && c->spoil == SPOIL_DATA)
		wire[c->block * (cmd->interval + 8) + 100] ^= 0x10;
	if (!cmd->write && cmd->dix)
		pi_spoil_tuple(c, pi_mem_tuple(cmd, c->block));
	KUNIT_EXPECT_EQ(test, pi_rdma(cmd, qp, pdu, wire), 0);
}

/* A command that is right in all respects; returns its key. */
static u32 pi_one_good(struct session *s)
{
	struct fake_pdu *pdu;
	struct pi_cmd *cmd;

	cmd = pi_create(s, &(struct pi_spec) {
		.op = SCSI_PROT_READ_STRIP,
		.type = 1,
		.len = 4096,
	});
	pi_submit(cmd);
	/* it may have to be tried again */
	bed_settle();
	pdu = bed_next_pdu(s->bed, s->qp, ISCSI_OP_SCSI_CMD);
	pi_serve(cmd, s->qp, pdu);
	KUNIT_EXPECT_EQ(s->bed->test, target_respond(s->bed->target, s->qp, pdu), 0);
	pi_expect_good(cmd);
	return target_key(pdu);
}

/* Slots are used in turn: sooner or later it is the region of @key again. */
static void pi_expect_region_usable(struct session *s, u32 key)
{
	unsigned int n = 0;
	u32 next;

	do
		next = pi_one_good(s);
	while (((next ^ key) & ~0xff) && ++n < s->cmds_max);
	KUNIT_EXPECT_LT(s->bed->test, n, s->cmds_max);
	KUNIT_EXPECT_NE(s->bed->test, next, key);
}

static struct session *pi_session(struct kunit *test, bool ip, u32 interval)
{
	struct fake_hca_config cfg = { .integrity = true };
	struct bed *bed = bed_create_pi(test, &cfg, ip, interval);
	struct session *s = bed_session(bed, NULL);

	s->cmds_max = 32;
	session_connect(s);
	session_create(s);
	session_bind(s);
	session_login(s);
	session_scan(s);
	bed->target->hold = true;
	return s;
}

static void pi_error_run(struct kunit *test, bool no_remote_inv)
{
	const struct pi_error_case *c = test->param_value;
	struct session *s = pi_session(test, c->ip, c->interval ?: 512);
	struct bed *bed = s->bed;
	struct fake_pdu *pdu;
	struct pi_cmd *cmd;

	bed->target->no_remote_inv = no_remote_inv;
	cmd = pi_create(s, &(struct pi_spec) {
		.op = c->op,
		.type = c->type,
		.lba = c->lba,
		.len = c->interval ? 32768 : 16384,
		.no_guard_check = c->no_guard_check,
		.no_ref_check = c->no_ref_check,
	});
	if (cmd->write) {
		pi_spoil_tuple(c, pi_mem_tuple(cmd, c->block));
		if (c->spoil == SPOIL_DATA)
			cmd->data.image[c->block * cmd->interval + 3] ^= 1;
	}
	bed->hca->apptag = c->check_apptag ? PI_APP_TAG : 0;
	pi_submit(cmd);
	pdu = bed_next_pdu(bed, s->qp, ISCSI_OP_SCSI_CMD);
	pi_serve_spoiled(cmd, s->qp, pdu, c);
	KUNIT_EXPECT_EQ(test, target_respond(bed->target, s->qp, pdu), 0);
	if (c->ascq)
		pi_expect_sense(cmd, c->ascq, cmd->lba + c->block);
	else
		pi_expect_good(cmd);
	bed->hca->apptag = 0;
	pi_expect_region_usable(s, target_key(pdu));
}

static void first_bad_block_is_reported(struct kunit *test)
{
	pi_error_run(test, false);
}

static void same_without_remote_invalidation(struct kunit *test)
{
	pi_error_run(test, true);
}

/* Two bad blocks, for different reasons: the first one counts. */
static void second_bad_block_changes_nothing(struct kunit *test)
{
	struct session *s = pi_session(test, false, 512);
	struct fake_pdu *pdu;
	struct pi_cmd *cmd;
	u8 *wire;

	cmd = pi_create(s, &(struct pi_spec) {
		.op = SCSI_PROT_READ_STRIP, .type = 1, .len = 16384,
	});
	pi_submit(cmd);
	pdu = bed_next_pdu(s->bed, s->qp, ISCSI_OP_SCSI_CMD);
	wire = pi_wire_image(cmd);
	pi_wire_tuple(cmd, wire, 4)->ref_tag = 0;
	pi_wire_tuple(cmd, wire, 9)->guard_tag ^= cpu_to_be16(1);
	KUNIT_EXPECT_EQ(test, pi_rdma(cmd, s->qp, pdu, wire), 0);
	KUNIT_EXPECT_EQ(test, target_respond(s->bed->target, s->qp, pdu), 0);
	pi_expect_sense(cmd, REF_FAILED, cmd->lba + 4);
}

/* A submitted read of 4 KiB with protection on the wire. */
static struct pi_cmd *pi_read(struct session *s, struct fake_pdu **pdu,
			      u32 timeout)
{
	struct pi_cmd *cmd;

	cmd = pi_create(s, &(struct pi_spec) {
		.op = SCSI_PROT_READ_STRIP,
		.type = 1,
		.len = 4096,
		.timeout = timeout,
	});
	pi_submit(cmd);
	*pdu = bed_next_pdu(s->bed, s->qp, ISCSI_OP_SCSI_CMD);
	return cmd;
}

/* What the target says about protection is passed on as it is. */
static void sense_of_the_target_is_kept(struct kunit *test)
{
	/* length 20; fixed format, ABORTED COMMAND, information 0x1234, 10h/01h */
	static const u8 sense[22] = {
		0, 20, 0xf0, 0, ABORTED_COMMAND, 0, 0, 0x12, 0x34, 10,
		[14] = 0x10, 0x01,
	};
	struct session *s = pi_session(test, false, 512);
	struct fake_pdu *pdu;
	struct pi_cmd *cmd;

	cmd = pi_read(s, &pdu, 0);
	KUNIT_EXPECT_EQ(test, 0,
			target_respond_status(s->bed->target, s->qp, pdu,
					      SAM_STAT_CHECK_CONDITION,
					      target_key(pdu), sense,
					      sizeof(sense)));
	KUNIT_EXPECT_TRUE(test, pi_wait(cmd));
	KUNIT_EXPECT_EQ(test, blk_status_to_errno(cmd->status), -EILSEQ);
	KUNIT_EXPECT_EQ(test, cmd->sense.sense_key, ABORTED_COMMAND);
	KUNIT_EXPECT_EQ(test, cmd->sense.asc, 0x10);
	KUNIT_EXPECT_EQ(test, cmd->sense.ascq, 1);
	KUNIT_EXPECT_EQ(test, cmd->sense_info, 0x1234);
	pi_expect_region_usable(s, target_key(pdu));
}

/* A read whose status cannot be had; returns its key. */
static u32 pi_lose_status(struct session *s)
{
	struct fake_hca *hca = s->bed->hca;
	struct fake_pdu *pdu;
	struct pi_cmd *cmd;

	cmd = pi_read(s, &pdu, 0);
	pi_serve(cmd, s->qp, pdu);
	hca->fail_verb[FAKE_CHECK_MR] =
		atomic_read(&hca->verb_calls[FAKE_CHECK_MR]) + 1;
	KUNIT_EXPECT_EQ(s->bed->test, 0,
			target_respond(s->bed->target, s->qp, pdu));
	pi_expect_sense(cmd, GUARD_FAILED, cmd->lba);
	return target_key(pdu);
}

/* Data of unknown integrity is bad data, from its first block on. */
static void unknown_status_is_an_error(struct kunit *test)
{
	struct session *s = pi_session(test, false, 512);

	pi_expect_region_usable(s, pi_lose_status(s));
}

/* Before the region is used again, its status is asked for: refused once more. */
static void unknown_status_costs_the_next_command_a_retry(struct kunit *test)
{
	struct session *s = pi_session(test, false, 512);
	atomic_t *calls = &s->bed->hca->verb_calls[FAKE_CHECK_MR];
	int i, n;
	u32 key;

	/* how many commands it takes until then */
	key = pi_lose_status(s);
	n = atomic_read(calls);
	pi_expect_region_usable(s, key);
	n = atomic_read(calls) - n - 1;
	key = pi_lose_status(s);
	i = atomic_read(calls) + n;
	s->bed->hca->fail_verb[FAKE_CHECK_MR] = i;
	while (atomic_read(calls) < i)
		KUNIT_EXPECT_NE(test, 0, (pi_one_good(s) ^ key) & ~0xff);
	pi_expect_region_usable(s, key);
}

/*
 * bad data | timeout | ABORT TASK
 *
 * Nobody has asked for the error when the command is over, and it is none of the
 * next command's.
 */
static void error_of_an_aborted_command_is_forgotten(struct kunit *test)
{
	struct session *s = pi_session(test, false, 512);
	struct fake_pdu *pdu;
	struct pi_cmd *cmd;
	u8 *wire;

	cmd = pi_read(s, &pdu, 1);
	wire = pi_wire_image(cmd);
	pi_wire_tuple(cmd, wire, 2)->guard_tag ^= cpu_to_be16(1);
	KUNIT_EXPECT_EQ(test, pi_rdma(cmd, s->qp, pdu, wire), 0);
	KUNIT_EXPECT_TRUE(test, pi_wait(cmd));
	KUNIT_EXPECT_NE(test, blk_status_to_errno(cmd->status), 0);
	KUNIT_EXPECT_EQ(test, 1,
			s->bed->target->n_tmfs[ISCSI_TM_FUNC_ABORT_TASK]);
	pi_expect_region_usable(s, target_key(pdu));
}

/* Each slot has two regions, and serves both kinds of commands. */
static void both_kinds_share_the_slots(struct kunit *test)
{
	const struct cmd_spec plain = { .len = 16384 };
	struct session *s = pi_session(test, true, 512);
	struct test_cmd *cmd;
	struct fake_pdu *pdu;
	unsigned int i;

	for (i = 0; i < 3 * s->cmds_max; i++) {
		s->bed->target->no_remote_inv = i % 5 == 0;
		if (i % 3) {
			pi_one_good(s);
			continue;
		}
		cmd = cmd_submit(s, &plain);
		pdu = bed_next_pdu(s->bed, s->qp, ISCSI_OP_SCSI_CMD);
		KUNIT_EXPECT_EQ(test, 0, target_place_read(s->bed->target, s->qp,
							   pdu));
		KUNIT_EXPECT_EQ(test, 0, target_respond(s->bed->target, s->qp,
							pdu));
		cmd_expect_good(cmd);
	}
}

static struct kunit_case ib_iser_pi_error_cases[] = {
	KUNIT_CASE_PARAM(first_bad_block_is_reported, pi_error_gen_params),
	KUNIT_CASE_PARAM(same_without_remote_invalidation, pi_error_gen_params),
	KUNIT_CASE(second_bad_block_changes_nothing),
	KUNIT_CASE(sense_of_the_target_is_kept),
	KUNIT_CASE(unknown_status_is_an_error),
	KUNIT_CASE(unknown_status_costs_the_next_command_a_retry),
	KUNIT_CASE(error_of_an_aborted_command_is_forgotten),
	KUNIT_CASE(both_kinds_share_the_slots),
	{}
};

static struct kunit_suite ib_iser_pi_error_suite = {
	.name = "ib_iser_pi_error",
	.test_cases = ib_iser_pi_error_cases,
};

kunit_test_suite(ib_iser_pi_error_suite);
