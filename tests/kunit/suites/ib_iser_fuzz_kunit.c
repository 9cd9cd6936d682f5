// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A hundred thousand messages from fixed seeds. Most are nearly right: a known
 * opcode, the tag of a command that waits, lengths that agree, and then one or
 * two of these not. The connection may fail, and then the session has to
 * recover; commands may come back in any order and with any result, but they
 * have to come back, and with nothing of theirs left.
 *
 * The messages of a batch arrive before the module's work can run, so that most
 * of them meet a connection that has failed and not been told yet.
 */
#include <linux/bottom_half.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>

#include "bed.h"

#define FUZZ_SEEDS	10
#define FUZZ_BATCH	64
#define FUZZ_CMDS	4
#define FUZZ_MAX_LEN	600

static unsigned int fuzz_messages = 10000;
module_param(fuzz_messages, uint, 0444);
MODULE_PARM_DESC(fuzz_messages, "messages that reach the module, for each seed (default 10000)");

struct fuzz {
	struct kunit		*test;
	struct bed		*bed;
	struct session		*s;
	struct rnd_state	rnd;
	struct test_cmd		*cmd[FUZZ_CMDS];
	struct fake_pdu		*pdu[FUZZ_CMDS];
	u8			msg[FUZZ_MAX_LEN];
	unsigned int		n_recoveries;
};

static u32 fuzz_below(struct fuzz *f, u32 n)
{
	return prandom_u32_state(&f->rnd) % n;
}

static u8 fuzz_opcode(struct fuzz *f)
{
	static const u8 opcodes[] = {
		ISCSI_OP_SCSI_CMD_RSP, ISCSI_OP_SCSI_CMD_RSP, ISCSI_OP_NOOP_IN,
		ISCSI_OP_SCSI_TMFUNC_RSP, ISCSI_OP_LOGIN_RSP, ISCSI_OP_TEXT_RSP,
		ISCSI_OP_ASYNC_EVENT, ISCSI_OP_REJECT, ISCSI_OP_SCSI_DATA_IN,
		ISCSI_OP_R2T, ISCSI_OP_LOGOUT_RSP,
	};

	if (!fuzz_below(f, 16))
		return fuzz_below(f, 256);
	return opcodes[fuzz_below(f, ARRAY_SIZE(opcodes))];
}

static itt_t fuzz_tag(struct fuzz *f)
{
	switch (fuzz_below(f, 8)) {
	case 0:
		return (__force itt_t)prandom_u32_state(&f->rnd);
	case 1:
		return (__force itt_t)fuzz_below(f, 160);
	case 2:
	case 3:
		return RESERVED_ITT;
	default:
		return pdu_hdr(f->pdu[fuzz_below(f, FUZZ_CMDS)])->itt;
	}
}

/* A length of data, and the message's length, which agrees mostly. */
static u32 fuzz_lengths(struct fuzz *f, struct iscsi_hdr *bhs)
{
	u32 dlength = fuzz_below(f, 2) ? 0 : fuzz_below(f, 300);
	u32 len = ISER_HDR_LEN + dlength;

	hton24(bhs->dlength, dlength);
	switch (fuzz_below(f, 12)) {
	case 0:
		return fuzz_below(f, FUZZ_MAX_LEN);
	case 1:
		bhs->hlength = prandom_u32_state(&f->rnd);
		return len;
	case 2:
		hton24(bhs->dlength, prandom_u32_state(&f->rnd));
		return len;
	case 3:
		return len - 1;
	default:
		return ALIGN(len, 4);
	}
}

static u32 fuzz_message(struct fuzz *f)
{
	struct iscsi_nopin *bhs = (void *)(f->msg + sizeof(struct iser_ctrl));
	u32 len;

	prandom_bytes_state(&f->rnd, f->msg, sizeof(f->msg));
	memset(f->msg, 0, sizeof(struct iser_ctrl));
	f->msg[0] = fuzz_below(f, 32) ? ISCSI_CTRL : prandom_u32_state(&f->rnd);
	bhs->opcode = fuzz_opcode(f);
	bhs->itt = fuzz_tag(f);
	/* an honest window: a target may shut it, and then nothing moves */
	bhs->exp_cmdsn = cpu_to_be32(f->s->qp->exp_cmdsn);
	bhs->max_cmdsn = cpu_to_be32(f->s->qp->exp_cmdsn + 127);
	((struct iscsi_hdr *)bhs)->hlength = 0;
	len = fuzz_lengths(f, (struct iscsi_hdr *)bhs);
	/* a SCSI Response is good or has failed, half and half */
	if (bhs->opcode == ISCSI_OP_SCSI_CMD_RSP && fuzz_below(f, 2))
		((struct iscsi_scsi_rsp *)bhs)->cmd_status = 0;
	return len;
}

static void fuzz_send_commands(struct fuzz *f)
{
	struct cmd_spec spec = { .len = 512 };
	unsigned int i;

	for (i = 0; i < FUZZ_CMDS; i++) {
		if (f->cmd[i] && !cmd_is_done(f->cmd[i]))
			continue;
		spec.write = fuzz_below(f, 2);
		f->cmd[i] = cmd_submit(f->s, &spec);
		f->pdu[i] = bed_next_pdu(f->bed, f->s->qp, ISCSI_OP_SCSI_CMD);
	}
}

/* Returns how many of the batch reached the module before the QP failed. */
static unsigned int fuzz_batch(struct fuzz *f)
{
	unsigned int i;
	u32 len, key;

	local_bh_disable();
	for (i = 0; i < FUZZ_BATCH; i++) {
		len = fuzz_message(f);
		key = fuzz_below(f, 8) ? 0 :
		      target_key(f->pdu[fuzz_below(f, FUZZ_CMDS)]);
		if (fake_qp_deliver(f->s->qp, f->msg, len, key) == -ENOTCONN)
			break;
	}
	local_bh_enable();
	return i;
}

/* The session logs in again; commands of before come back failed. */
static void fuzz_recover(struct fuzz *f)
{
	unsigned int i;

	session_recover(f->s);
	for (i = 0; i < FUZZ_CMDS; i++)
		KUNIT_ASSERT_NE(f->test, cmd_wait(f->cmd[i]), -ETIMEDOUT);
	f->n_recoveries++;
}

static const void *fuzz_gen_params(struct kunit *test, const void *prev,
				   char *desc)
{
	unsigned long seed = prev ? (unsigned long)prev + 1 : 1;

	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "seed %lu", seed);
	return seed <= FUZZ_SEEDS ? (const void *)seed : NULL;
}

static void nothing_but_the_connection_fails(struct kunit *test)
{
	struct fuzz *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	unsigned int sent = 0;

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->test = test;
	prandom_seed_state(&f->rnd, (unsigned long)test->param_value);
	f->bed = bed_create(test, NULL);
	f->s = bed_logged_in(f->bed, NULL);
	f->bed->target->hold = true;
	f->bed->hca->hostile_peer = true;
	while (sent < fuzz_messages) {
		fuzz_send_commands(f);
		f->bed->iscsid->n_conn_errors = 0;
		sent += fuzz_batch(f);
		bed_settle();
		iscsid_take_events(f->bed->iscsid);
		if (f->bed->iscsid->n_conn_errors)
			fuzz_recover(f);
	}
	kunit_info(test, "%u messages, %u connections failed", sent,
		   f->n_recoveries);
}

static struct kunit_case ib_iser_fuzz_cases[] = {
	KUNIT_CASE_PARAM_ATTR(nothing_but_the_connection_fails, fuzz_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	{}
};

static struct kunit_suite ib_iser_fuzz_suite = {
	.name = "ib_iser_fuzz",
	.test_cases = ib_iser_fuzz_cases,
};

kunit_test_suite(ib_iser_fuzz_suite);
