// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Protected commands and what goes wrong elsewhere: verbs that fail, one by one,
 * a send queue that is too short for all, and the connection or the device going
 * with half of the data moved. The I/O is tried again; nothing is left behind.
 */
#include <linux/blkdev.h>
#include <linux/unaligned.h>

#include "bed_pi.h"

/* Two commands that the target serves by itself: the wire is unprotected. */
static struct pi_cmd *pi_start(struct session *s, bool write)
{
	struct pi_cmd *cmd;

	cmd = pi_create(s, &(struct pi_spec) {
		.op = write ? SCSI_PROT_WRITE_STRIP : SCSI_PROT_READ_INSERT,
		.len = 20480,
		.prot_piece = 64,
		.retries = 5,
	});
	pi_submit(cmd);
	return cmd;
}

/* The verbs of the I/O path: the I/O is tried again, the session stays. */
static const struct pi_failure_case {
	const char	*desc;
	enum fake_verb	verb;
	int		call;
	bool		write;
} pi_failure_cases[] = {
	{ "read, DMA mapping of the data",		FAKE_DMA_MAP, 1, false },
	{ "read, DMA mapping of the protection",	FAKE_DMA_MAP, 2, false },
	{ "write, DMA mapping of the data",		FAKE_DMA_MAP, 1, true },
	{ "write, DMA mapping of the protection",	FAKE_DMA_MAP, 2, true },
	{ "read, mapping of the region",		FAKE_MAP_MR, 1, false },
	{ "write, mapping of the region",		FAKE_MAP_MR, 1, true },
	{ "read, post",					FAKE_POST_SEND, 1, false },
	{ "write, post",				FAKE_POST_SEND, 1, true },
};

KUNIT_ARRAY_PARAM_DESC(pi_failure, pi_failure_cases, desc);

static void io_path_retries(struct kunit *test)
{
	const struct pi_failure_case *c = test->param_value;
	struct fake_hca_config cfg = { .integrity = true, .sg_gaps = true };
	struct bed *bed = bed_create_pi(test, &cfg, false, 512);
	struct session *s = bed_logged_in(bed, NULL);
	struct pi_cmd *cmd;

	bed->hca->fail_verb[c->verb] =
		atomic_read(&bed->hca->verb_calls[c->verb]) + c->call;
	cmd = pi_start(s, c->write);
	KUNIT_EXPECT_FALSE(test, pi_is_done(cmd));
	pi_expect_good(cmd);
	bed_expect_conn_errors(bed, 0);
}

/* A session as far as it gets, with two commands if it gets there. */
static void pi_run_session(struct session *s)
{
	struct iscsid *d = s->bed->iscsid;
	struct kunit *test = s->bed->test;
	struct pi_cmd *cmd[2];
	unsigned int i;

	if (session_try_connect(s) || session_try_bind(s) ||
	    session_try_login(s) || session_try_scan(s))
		return;
	for (i = 0; i < ARRAY_SIZE(cmd); i++)
		cmd[i] = pi_start(s, i);
	for (i = 0; i < ARRAY_SIZE(cmd); i++) {
		KUNIT_EXPECT_TRUE(test, pi_wait(cmd[i]));
		iscsid_take_events(d);
		if (!d->n_conn_errors && cmd[i]->status != BLK_STS_PROTECTION)
			pi_expect_good(cmd[i]);
	}
}

static bool pi_fail_call(struct bed *bed, int n)
{
	struct session *s = bed_session(bed, NULL);
	struct fake_hca *hca = bed->hca;

	s->cmds_max = 32;
	atomic_set(&hca->calls, 0);
	hca->fail_call = n;
	bed->iscsid->n_conn_errors = 0;
	pi_run_session(s);
	hca->fail_call = 0;
	session_close(s);
	bed_expect_nothing_left_after(bed, "call", n);
	return atomic_read(&hca->calls) >= n;
}

static void every_verb_may_fail(struct kunit *test)
{
	struct fake_hca_config cfg = { .integrity = true };
	struct bed *bed = bed_create_pi(test, &cfg, false, 512);
	int n = 1;

	while (pi_fail_call(bed, n))
		n++;
	kunit_info(test, "%d calls, each failed once", n - 1);
	KUNIT_EXPECT_GT(test, n, 80);
}

/* Commands whose data phase has begun, and that the target keeps. */
static void pi_start_halfway(struct session *s, struct pi_cmd **cmd)
{
	struct fake_pdu *pdu;
	unsigned int i;
	u8 byte = 0;

	s->bed->target->hold = true;
	for (i = 0; i < 2; i++) {
		cmd[i] = pi_start(s, i);
		pdu = bed_next_pdu(s->bed, s->qp, ISCSI_OP_SCSI_CMD);
		KUNIT_EXPECT_EQ(s->bed->test, 0,
				fake_rdma(s->qp, target_key(pdu),
					  be64_to_cpu(i ? pdu_iser(pdu)->write_va :
						      pdu_iser(pdu)->read_va),
					  &byte, 1, !i));
	}
}

/* half of the data | CLOSED | ep_disconnect | stop | the commands come again */
static void connection_failure_costs_a_retry(struct kunit *test)
{
	struct fake_hca_config cfg = { .integrity = true, .sg_gaps = true };
	struct bed *bed = bed_create_pi(test, &cfg, true, 512);
	struct session *s = bed_logged_in(bed, NULL);
	struct pi_cmd *cmd[2];

	pi_start_halfway(s, cmd);
	fake_cm_disconnect(s->qp);
	bed_settle();
	bed->target->hold = false;
	session_recover(s);
	pi_expect_good(cmd[0]);
	pi_expect_good(cmd[1]);
}

/*
 * registration fails | ep_disconnect | stop | the commands come again
 *
 * In the send queue; or it is posted, and the SEND behind it is not.
 */
static const struct pi_registration_case {
	const char	*desc;
	int		fail_send_wr;	/* 0: by its completion */
} pi_registration_cases[] = {
	{ "completion with an error", 0 },
	{ "what follows it is not posted", 2 },
};

KUNIT_ARRAY_PARAM_DESC(pi_registration, pi_registration_cases, desc);

static void failed_registration_costs_a_retry(struct kunit *test)
{
	const struct pi_registration_case *c = test->param_value;
	struct fake_hca_config cfg = { .integrity = true };
	struct bed *bed = bed_create_pi(test, &cfg, false, 512);
	struct session *s = bed_logged_in(bed, NULL);
	struct pi_cmd *cmd;

	bed->target->hold = true;
	bed->hca->hold_completions = true;
	bed->hca->fail_send_wr = c->fail_send_wr;
	cmd = pi_start(s, true);
	if (!c->fail_send_wr)
		KUNIT_EXPECT_TRUE(test, fake_qp_complete(s->qp,
							 IB_WC_MW_BIND_ERR));
	bed_expect_conn_errors(bed, 1);
	bed->target->hold = false;
	bed->hca->hold_completions = false;
	session_recover(s);
	pi_expect_good(cmd);
}

/* half of the data | the device goes | recovery_tmo */
static void device_removal_ends_protected_commands(struct kunit *test)
{
	struct fake_hca_config cfg = { .integrity = true, .sg_gaps = true };
	struct bed *bed = bed_create_pi(test, &cfg, false, 512);
	struct session *s = bed_logged_in(bed, NULL);
	struct pi_cmd *cmd[2];
	unsigned int i;

	pi_start_halfway(s, cmd);
	fake_hca_unplug(bed->hca);
	KUNIT_EXPECT_EQ(test, bed->hca->n_mr, 0);
	KUNIT_EXPECT_EQ(test, bed->hca->dma->live, 0);
	session_disconnect(s);
	session_stop(s);
	for (i = 0; i < ARRAY_SIZE(cmd); i++) {
		KUNIT_EXPECT_TRUE(test, pi_wait(cmd[i]));
		KUNIT_EXPECT_NE(test, blk_status_to_errno(cmd[i]->status), 0);
	}
}

/* As many commands as SCSI is promised: the send queue has room for all of them. */
static void queue_is_never_overrun(struct kunit *test)
{
	struct fake_hca_config cfg = { .integrity = true, .max_qp_wr = 140 };
	struct bed *bed = bed_create_pi(test, &cfg, false, 512);
	struct session *s = bed_logged_in(bed, NULL);
	struct pi_cmd *cmd[17];		/* six entries each of 139; 17 may be unsignalled */
	struct fake_qp *qp;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, s->shost->can_queue, ARRAY_SIZE(cmd));
	bed->hca->hold_completions = true;
	for (i = 0; i < ARRAY_SIZE(cmd); i++)
		cmd[i] = pi_start(s, i % 2);
	bed_settle();
	/* registration 4, SEND 1; the invalidation is the target's */
	KUNIT_EXPECT_GE(test, s->qp->sq_used, 5 * ARRAY_SIZE(cmd));
	bed->hca->hold_completions = false;
	list_for_each_entry(qp, &bed->hca->qps, node)
		fake_qp_run(qp);
	for (i = 0; i < ARRAY_SIZE(cmd); i++)
		pi_expect_good(cmd[i]);
}

static struct kunit_case ib_iser_pi_failure_cases[] = {
	KUNIT_CASE_PARAM(io_path_retries, pi_failure_gen_params),
	KUNIT_CASE(every_verb_may_fail),
	KUNIT_CASE(connection_failure_costs_a_retry),
	KUNIT_CASE_PARAM(failed_registration_costs_a_retry,
			 pi_registration_gen_params),
	KUNIT_CASE(device_removal_ends_protected_commands),
	KUNIT_CASE(queue_is_never_overrun),
	{}
};

static struct kunit_suite ib_iser_pi_failure_suite = {
	.name = "ib_iser_pi_failure",
	.test_cases = ib_iser_pi_failure_cases,
};

kunit_test_suite(ib_iser_pi_failure_suite);
