// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * SCSI's error handlers when they wait for what does not come, or for what goes:
 * the device, the connection, or the session ends beneath them.
 */
#include <linux/blk-mq.h>
#include <linux/delay.h>
#include <scsi/libiscsi.h>
#include <scsi/scsi_cmnd.h>

#include "bed.h"

/* For as long as a handler waits nobody takes the disk offline. */
static struct session *eh_session_on(struct kunit *test,
				     const struct fake_hca_config *cfg)
{
	return bed_logged_in(bed_create(test, cfg), &(struct iscsid_params) {
		.recovery_tmo = 60 });
}

static struct session *eh_session(struct kunit *test)
{
	return eh_session_on(test, NULL);
}

/* A read that the target keeps, and that times out after a second. */
static struct test_cmd *eh_submit(struct session *s, bool other_lun,
				  struct fake_pdu **pdu)
{
	struct test_cmd *cmd;

	s->bed->target->hold = true;
	cmd = cmd_submit(s, &(struct cmd_spec) {
		.len = 16384, .timeout = 1, .other_lun = other_lun });
	*pdu = bed_next_pdu(s->bed, s->qp, ISCSI_OP_SCSI_CMD);
	return cmd;
}

static struct iscsi_task *eh_hold_task(struct test_cmd *cmd)
{
	struct scsi_cmnd *sc = blk_mq_rq_to_pdu(cmd->rq);
	struct iscsi_task *task = iscsi_cmd(sc)->task;

	KUNIT_ASSERT_NOT_NULL(cmd->bed->test, task);
	KUNIT_ASSERT_TRUE(cmd->bed->test, iscsi_get_task(task));
	return task;
}

static void eh_expect_relogin(struct session *s)
{
	s->bed->hca->hold_completions = false;
	s->bed->target->hold = false;
	session_log_in_again(s);
}

/*
 * timeout | ABORT TASK succeeds, somebody holds the task | ep_disconnect | stop
 * | the task is let go: the abort waits over all of it, and has succeeded
 */
static void abort_waits_beyond_the_connection(struct kunit *test)
{
	struct session *s = eh_session(test);
	struct iscsi_task *task;
	struct test_cmd *cmd;
	struct fake_pdu *pdu;

	cmd = eh_submit(s, false, &pdu);
	task = eh_hold_task(cmd);
	msleep(3000);
	KUNIT_EXPECT_EQ(test, 1,
			s->bed->target->n_tmfs[ISCSI_TM_FUNC_ABORT_TASK]);
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	session_disconnect(s);
	bed_settle();
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	session_stop(s);
	bed_settle();
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	KUNIT_EXPECT_EQ(test, s->bed->hca->dma->live, 0);
	iscsi_put_task(task);
	bed_settle();
	KUNIT_EXPECT_TRUE(test, cmd_is_done(cmd));
	eh_expect_relogin(s);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
	bed_expect_conn_errors(s->bed, 0);
}

/*
 * The same, but the task is held for longer than the abort waits: there is no
 * connection to fail, and the handlers that follow wait for the next login
 */
static void abort_gives_up_without_a_connection(struct kunit *test)
{
	struct session *s = eh_session(test);
	struct iscsi_task *task;
	struct test_cmd *cmd;
	struct fake_pdu *pdu;

	cmd = eh_submit(s, false, &pdu);
	task = eh_hold_task(cmd);
	msleep(3000);
	session_disconnect(s);
	session_stop(s);
	msleep(6000);
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	iscsi_put_task(task);
	/* libiscsi's own, for the reset of the session */
	bed_expect_conn_errors(s->bed, 1);
	eh_expect_relogin(s);
	KUNIT_EXPECT_NE(test, cmd_wait(cmd), -ETIMEDOUT);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
	bed_expect_conn_errors(s->bed, 1);
}

/* timeout | ABORT TASK succeeds, its SEND does not complete | no session */
static void session_ends_under_an_abort(struct kunit *test)
{
	struct session *s = eh_session(test);
	struct iscsid *d = s->bed->iscsid;
	struct test_cmd *cmd;
	struct fake_pdu *pdu;

	s->bed->hca->hold_completions = true;
	cmd = eh_submit(s, false, &pdu);
	msleep(3000);
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	session_disconnect(s);
	KUNIT_EXPECT_EQ(test, 0, iscsid_stop_conn(d, s->sid, STOP_CONN_TERM));
	KUNIT_EXPECT_EQ(test, iscsid_destroy_conn(d, s->sid), 0);
	s->has_conn = false;
	bed_settle();
	KUNIT_EXPECT_TRUE(test, cmd_is_done(cmd));
	KUNIT_EXPECT_EQ(test, s->bed->hca->n_qp, 0);
	KUNIT_EXPECT_EQ(test, s->bed->hca->dma->live, 0);
}

/*
 * timeout | ABORT TASK and LUN reset are refused, target reset succeeds | the
 * SEND does not complete: the connection fails, and the disk waits for the login
 */
static void target_reset_gives_up_on_device(struct kunit *test)
{
	struct session *s = eh_session(test);
	struct test_cmd *cmd;
	struct fake_pdu *pdu;

	s->bed->target->refused_tmfs = BIT(ISCSI_TM_FUNC_ABORT_TASK) |
				       BIT(ISCSI_TM_FUNC_LOGICAL_UNIT_RESET);
	s->bed->hca->hold_completions = true;
	cmd = eh_submit(s, false, &pdu);
	msleep(5000);
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	bed_expect_conn_errors(s->bed, 0);
	msleep(5000);
	bed_expect_conn_errors(s->bed, 1);
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	s->bed->hca->hold_completions = false;
	s->bed->target->hold = false;
	session_recover(s);
	KUNIT_EXPECT_NE(test, cmd_wait(cmd), -ETIMEDOUT);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
}

/*
 * timeout of three reads, of which two are another LUN's, one of them answered |
 * ABORT TASK is refused | a LUN reset each, which waits for its own alone
 */
static void lun_reset_covers_one_lun(struct kunit *test)
{
	struct session *s = eh_session_on(test, &(struct fake_hca_config) {
		.no_inline = true });
	struct test_cmd *cmd[3];
	struct fake_pdu *pdu[3];
	unsigned int i;
	u8 byte;

	session_scan_other(s);
	s->bed->target->refused_tmfs = BIT(ISCSI_TM_FUNC_ABORT_TASK);
	s->bed->hca->hold_completions = true;
	for (i = 0; i < ARRAY_SIZE(cmd); i++)
		cmd[i] = eh_submit(s, i, &pdu[i]);
	target_serve(s->bed->target, s->qp, pdu[2]);
	msleep(4000);
	for (i = 0; i < ARRAY_SIZE(cmd); i++)
		KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd[i]));
	s->bed->hca->hold_completions = false;
	fake_qp_complete_all(s->qp);
	for (i = 0; i < ARRAY_SIZE(cmd); i++) {
		KUNIT_EXPECT_NE(test, cmd_wait(cmd[i]), -ETIMEDOUT);
		KUNIT_EXPECT_EQ(test, -EKEYREVOKED,
				fake_rdma(s->qp, target_key(pdu[i]), 0, &byte, 1,
					  true));
	}
	KUNIT_EXPECT_EQ(test, 2, s->bed->target->n_tmfs
				 [ISCSI_TM_FUNC_LOGICAL_UNIT_RESET]);
	bed_expect_conn_errors(s->bed, 0);
	s->bed->target->hold = false;
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) {
		.len = 4096, .other_lun = true }));
}

static struct kunit_case ib_iser_eh_end_cases[] = {
	KUNIT_CASE(abort_waits_beyond_the_connection),
	KUNIT_CASE(abort_gives_up_without_a_connection),
	KUNIT_CASE(session_ends_under_an_abort),
	KUNIT_CASE(target_reset_gives_up_on_device),
	KUNIT_CASE(lun_reset_covers_one_lun),
	{}
};

static struct kunit_suite ib_iser_eh_end_suite = {
	.name = "ib_iser_eh_end",
	.test_cases = ib_iser_eh_end_cases,
};

kunit_test_suite(ib_iser_eh_end_suite);
