// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A device and a target so fast that completions and responses are handled, as on
 * another CPU, before the post that caused them has returned: by then the slot may
 * be anybody's. And posts that fail meanwhile, of which something, or as it seems
 * nothing, was sent.
 */
#include "admin.h"
#include "bed.h"

static struct fast {
	struct session	*s;
	bool		invalidate;	/* remotely, else the answer is plain */
	bool		inside;		/* of a post, for what its handlers post */
	unsigned int	answers;
} fast;

static void fast_poll(struct fake_qp *qp, const struct ib_send_wr *wr)
{
	if (fast.inside)
		return;
	fast.inside = true;
	ib_process_cq_direct(qp->ib.recv_cq, -1);
	fast.inside = false;
}

static struct bed *fast_bed(struct kunit *test, bool no_inline)
{
	struct bed *bed = bed_create(test, &(struct fake_hca_config) {
		.no_inline = no_inline });

	memset(&fast, 0, sizeof(fast));
	bed->hca->in_post = fast_poll;
	return bed;
}

static const struct fast_case {
	const char		*desc;
	struct iscsid_params	params;
	bool			no_remote_inv;
	bool			no_inline;
} fast_cases[] = {
	{ "response invalidates" },
	{ "LOCAL_INV", {}, true },
	{ "response invalidates, no inline SENDs", {}, false, true },
	{ "LOCAL_INV, no inline SENDs", {}, true, true },
	{ "Data-Out PDUs, response invalidates", { .no_initial_r2t = true } },
	{ "Data-Out PDUs, LOCAL_INV", { .no_initial_r2t = true }, true },
};

KUNIT_ARRAY_PARAM_DESC(fast, fast_cases, desc);

/* From the login on each PDU is answered before its post returns. */
static void io_ends_inside_its_post(struct kunit *test)
{
	const struct fast_case *c = test->param_value;
	struct bed *bed = fast_bed(test, c->no_inline);
	struct cmd_spec spec = {};
	struct session *s;
	u32 len;

	bed->target->no_remote_inv = c->no_remote_inv;
	s = bed_logged_in(bed, &c->params);
	for (len = 0; len <= 131072; len = len ? len * 2 : 4096) {
		spec.len = len;
		spec.write = false;
		cmd_expect_good(cmd_submit(s, &spec));
		spec.write = true;
		cmd_expect_good(cmd_submit(s, &spec));
	}
	bed_expect_conn_errors(bed, 0);
}

/* The target's answer to a command whose header is in memory, or even sent. */
static void fast_answer(struct fake_qp *qp, const struct ib_send_wr *wr)
{
	const struct ib_send_wr *cmd = wr->opcode == IB_WR_REG_MR ? wr->next : wr;
	struct target *t = fast.s->bed->target;
	const struct iser_ctrl *iser;
	struct iscsi_scsi_rsp rsp = {
		.opcode = ISCSI_OP_SCSI_CMD_RSP,
		.flags = ISCSI_FLAG_CMD_FINAL,
	};
	u32 key;

	if (fast.inside || cmd->opcode != IB_WR_SEND)
		return;
	if (cmd->send_flags & IB_SEND_INLINE)
		iser = (const void *)(uintptr_t)cmd->sg_list[0].addr;
	else
		iser = fake_dma_ptr(t->hca->dma, cmd->sg_list[0].addr,
				    ISER_HDR_LEN, false);
	rsp.itt = ((const struct iscsi_hdr *)(iser + 1))->itt;
	key = be32_to_cpu(iser->flags & ISER_WSV ? iser->write_stag :
						   iser->read_stag);
	fast.answers++;
	target_send(t, qp, &rsp, NULL, 0, fast.invalidate ? key : 0);
	fast_poll(qp, wr);
}

/*
 * A read is a registration and the command; a short write is the command and three
 * Data-Out PDUs; a long one has a registration and four.
 */
static const struct fast_failure_case {
	const char	*desc;
	struct cmd_spec	cmd;
	int		fails;		/* which work request, from 1; 0: the post itself */
	bool		invalidate;
	bool		no_inline;
} fast_failure_cases[] = {
#define FAST_READ	{ .len = 20480 }
#define FAST_LONG	{ .len = 65536, .write = true }
#define FAST_SHORT	{ .len = 20480, .write = true }
	{ "read, nothing was posted",		FAST_READ, 1 },
	{ "read, the command was not posted",	FAST_READ, 2 },
	{ "read, the command was not posted, the answer invalidates",
	  FAST_READ, 2, true },
	{ "read, all was posted",		FAST_READ, 0 },
	{ "read, all was posted, the answer invalidates", FAST_READ, 0, true },
	{ "long write, nothing was posted",	FAST_LONG, 1 },
	{ "long write, the command was not posted", FAST_LONG, 2 },
	{ "long write, the command was not posted, the answer invalidates",
	  FAST_LONG, 2, true },
	{ "long write, the Data-Out PDUs were not posted", FAST_LONG, 3 },
	{ "long write, the Data-Out PDUs were not posted, the answer invalidates",
	  FAST_LONG, 3, true },
	{ "long write, the last Data-Out PDU was not posted", FAST_LONG, 6 },
	{ "long write, the last Data-Out PDU was not posted, the answer invalidates",
	  FAST_LONG, 6, true },
	{ "long write, all was posted",		FAST_LONG, 0 },
	{ "long write, all was posted, the answer invalidates",
	  FAST_LONG, 0, true },
	{ "short write, nothing was posted",	FAST_SHORT, 1 },
	{ "short write, the Data-Out PDUs were not posted", FAST_SHORT, 2 },
	{ "short write, the last Data-Out PDU was not posted", FAST_SHORT, 4 },
	{ "short write, all was posted",	FAST_SHORT, 0 },
	{ "no inline, read, nothing was posted", FAST_READ, 1, false, true },
	{ "no inline, read, the command was not posted",
	  FAST_READ, 2, false, true },
	{ "no inline, read, the command was not posted, the answer invalidates",
	  FAST_READ, 2, true, true },
	{ "no inline, read, all was posted",	FAST_READ, 0, false, true },
	{ "no inline, read, all was posted, the answer invalidates",
	  FAST_READ, 0, true, true },
};

KUNIT_ARRAY_PARAM_DESC(fast_failure, fast_failure_cases, desc);

/*
 * post | response | the post fails: the connection fails, and nothing of the
 * command is left when it ends, which it does once
 */
static void answered_post_fails(struct kunit *test)
{
	const struct fast_failure_case *c = test->param_value;
	struct bed *bed = fast_bed(test, c->no_inline);
	struct session *s = bed_logged_in(bed, &(struct iscsid_params) {
		.no_immediate = true,
		.no_initial_r2t = true,
		.first_burst = 32768,
	});
	struct kmsg_dump_iter iter;
	struct test_cmd *cmd;

	admin_mark_log(&iter);
	fast.s = s;
	fast.invalidate = c->invalidate;
	/* an answer to what was never sent: the key to invalidate is not valid */
	bed->hca->hostile_peer = c->fails == 1;
	bed->target->hold = true;
	bed->hca->in_post = fast_answer;
	bed->hca->fail_send_wr = c->fails;
	bed->hca->fail_late = !c->fails;
	cmd = cmd_submit(s, &c->cmd);
	bed->hca->in_post = NULL;
	KUNIT_EXPECT_EQ(test, fast.answers, 1);
	bed_expect_conn_errors(bed, 1);
	/* if that is too early, the HCA complains */
	KUNIT_EXPECT_NE(test, cmd_wait(cmd), -ETIMEDOUT);
	/* what was not posted is not missed */
	KUNIT_EXPECT_EQ(test, 0,
			admin_count_log(&iter, "did not flush its queues"));
	bed->target->hold = false;
	session_recover(s);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
}

static struct kunit_case ib_iser_fast_cases[] = {
	KUNIT_CASE_PARAM(io_ends_inside_its_post, fast_gen_params),
	KUNIT_CASE_PARAM(answered_post_fails, fast_failure_gen_params),
	{}
};

static struct kunit_suite ib_iser_fast_suite = {
	.name = "ib_iser_fast",
	.test_cases = ib_iser_fast_cases,
};

kunit_test_suite(ib_iser_fast_suite);
