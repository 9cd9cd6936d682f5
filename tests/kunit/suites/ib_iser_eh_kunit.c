// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * SCSI's error handlers. When one returns success, SCSI owns the command's
 * memory again, though the connection lives and its key was never invalidated
 * by anybody: the module has to do it, and to wait for it.
 */
#include <linux/delay.h>

#include "admin.h"
#include "bed.h"

/* Reads of 16 KiB that the target keeps, and that time out after a second. */
static void eh_submit(struct session *s, struct test_cmd **cmd,
		      struct fake_pdu **pdu, unsigned int n)
{
	struct cmd_spec spec = { .len = 16384, .timeout = 1 };
	unsigned int i;

	s->bed->target->hold = true;
	for (i = 0; i < n; i++) {
		cmd[i] = cmd_submit(s, &spec);
		pdu[i] = bed_next_pdu(s->bed, s->qp, ISCSI_OP_SCSI_CMD);
	}
}

static void eh_expect_over(struct kunit *test, struct session *s,
			   struct test_cmd *cmd, struct fake_pdu *pdu)
{
	u8 byte;

	KUNIT_EXPECT_NE(test, cmd_wait(cmd), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, fake_rdma(s->qp, target_key(pdu), 0, &byte, 1,
					true), -EKEYREVOKED);
}

/* timeout | ABORT TASK, which succeeds */
static void aborted_command_leaves_no_key(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct test_cmd *cmd;
	struct fake_pdu *pdu;

	eh_submit(s, &cmd, &pdu, 1);
	eh_expect_over(test, s, cmd, pdu);
	KUNIT_EXPECT_EQ(test, bed->target->n_tmfs[ISCSI_TM_FUNC_ABORT_TASK], 1);
	bed_expect_conn_errors(s->bed, 0);
	bed->target->hold = false;
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
}

/* timeout | ABORT TASK is refused | LUN reset, for both commands */
static void lun_reset_covers_all_commands(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct test_cmd *cmd[2];
	struct fake_pdu *pdu[2];

	bed->target->refused_tmfs = BIT(ISCSI_TM_FUNC_ABORT_TASK);
	eh_submit(s, cmd, pdu, 2);
	eh_expect_over(test, s, cmd[0], pdu[0]);
	eh_expect_over(test, s, cmd[1], pdu[1]);
	KUNIT_EXPECT_EQ(test, 1,
			bed->target->n_tmfs[ISCSI_TM_FUNC_LOGICAL_UNIT_RESET]);
	bed_expect_conn_errors(s->bed, 0);
	bed->target->hold = false;
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
}

/* timeout | ABORT TASK and LUN reset are refused | target reset */
static void target_reset_covers_all_commands(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct test_cmd *cmd[2];
	struct fake_pdu *pdu[2];

	bed->target->refused_tmfs = BIT(ISCSI_TM_FUNC_ABORT_TASK) |
				    BIT(ISCSI_TM_FUNC_LOGICAL_UNIT_RESET);
	eh_submit(s, cmd, pdu, 2);
	eh_expect_over(test, s, cmd[0], pdu[0]);
	eh_expect_over(test, s, cmd[1], pdu[1]);
	bed_expect_conn_errors(s->bed, 0);
	bed->target->hold = false;
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
}

/* timeout | ABORT TASK succeeds | 2 s later the command's SEND completes */
static void abort_waits_for_completions(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct test_cmd *cmd;
	struct fake_pdu *pdu;

	bed->hca->hold_completions = true;
	eh_submit(s, &cmd, &pdu, 1);
	msleep(3000);
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	KUNIT_EXPECT_EQ(test, bed->target->n_tmfs[ISCSI_TM_FUNC_ABORT_TASK], 1);
	bed->hca->hold_completions = false;
	fake_qp_complete_all(s->qp);
	eh_expect_over(test, s, cmd, pdu);
	bed_expect_conn_errors(s->bed, 0);
}

/* timeout | ABORT TASK succeeds | the SEND never completes: 5 s are enough */
static void abort_gives_up_on_device(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct kmsg_dump_iter iter;
	struct test_cmd *cmd;
	struct fake_pdu *pdu;

	admin_mark_log(&iter);
	bed->hca->hold_completions = true;
	eh_submit(s, &cmd, &pdu, 1);
	msleep(5000);
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	msleep(4000);
	KUNIT_EXPECT_EQ(test, 1, admin_count_log(&iter,
						 "aborted commands did not come to an end"));
	/* One more if the class has stopped the connection before SCSI resets it. */
	iscsid_take_events(bed->iscsid);
	KUNIT_EXPECT_GE(test, bed->iscsid->n_conn_errors, 1);
	KUNIT_EXPECT_NE(test, cmd_wait(cmd), -ETIMEDOUT);
	bed->hca->hold_completions = false;
	bed->target->hold = false;
	session_recover(s);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
}

/* timeout | no answer to ABORT TASK | the connection fails underneath */
static void abort_ends_with_connection(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct test_cmd *cmd;
	struct fake_pdu *pdu;

	eh_submit(s, &cmd, &pdu, 1);
	bed->target->hold_all = true;
	msleep(3000);
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	fake_qp_set_state(s->qp, IB_QPS_ERR);
	bed_settle();
	bed_expect_conn_errors(s->bed, 1);
	bed->target->hold_all = false;
	bed->target->hold = false;
	session_recover(s);
	KUNIT_EXPECT_NE(test, cmd_wait(cmd), -ETIMEDOUT);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
}

/* response | ABORT TASK is already on its way: the command was good */
static void response_overtakes_abort(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct test_cmd *cmd;
	struct fake_pdu *pdu, *tmf;

	eh_submit(s, &cmd, &pdu, 1);
	bed->target->hold_all = true;
	msleep(2500);
	tmf = bed_next_pdu(bed, s->qp, ISCSI_OP_SCSI_TMFUNC);
	bed->target->hold_all = false;
	target_serve(bed->target, s->qp, pdu);
	target_serve(bed->target, s->qp, tmf);
	eh_expect_over(test, s, cmd, pdu);
	bed_expect_conn_errors(s->bed, 0);
}

static struct kunit_case ib_iser_eh_cases[] = {
	KUNIT_CASE(aborted_command_leaves_no_key),
	KUNIT_CASE(lun_reset_covers_all_commands),
	KUNIT_CASE(target_reset_covers_all_commands),
	KUNIT_CASE(abort_waits_for_completions),
	KUNIT_CASE(abort_gives_up_on_device),
	KUNIT_CASE(abort_ends_with_connection),
	KUNIT_CASE(response_overtakes_abort),
	{}
};

static struct kunit_suite ib_iser_eh_suite = {
	.name = "ib_iser_eh",
	.test_cases = ib_iser_eh_cases,
};

kunit_test_suite(ib_iser_eh_suite);
