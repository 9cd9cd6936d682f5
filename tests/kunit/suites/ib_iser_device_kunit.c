// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Devices that are slow, late or broken: calls that take long while iscsid gives
 * up, interrupts that come when all is over, completions that never come or
 * that nobody asked for, receives that it does not take.
 */
#include <linux/delay.h>
#include <linux/kfifo.h>
#include <scsi/libiscsi.h>

#include "admin.h"
#include "bed.h"
#include "fake_parts.h"

static unsigned int device_free_tasks(struct session *s)
{
	struct iscsi_session *session =
		starget_to_session(scsi_target(s->sdev))->dd_data;

	return kfifo_len(&session->cmdpool.queue) / sizeof(void *);
}

static void device_expect_relogin(struct session *s)
{
	session_log_in_again(s);
	if (!s->sdev)
		session_scan(s);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 16384 }));
}

/* REQ would be next, a queue pair takes a second | ep_disconnect */
static void queue_pair_is_made_for_nobody(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, NULL);
	unsigned long start = jiffies;
	struct sockaddr_storage addr;

	bed->hca->slow_verb[FAKE_CREATE_QP] = 1000;
	fake_net_portal(&addr, bed->hca->net, false);
	KUNIT_ASSERT_EQ(test, iscsid_ep_connect(bed->iscsid, &addr, &s->ep), 0);
	bed_settle();
	KUNIT_EXPECT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), 0);
	session_disconnect(s);
	KUNIT_EXPECT_LE(test, jiffies - start, HZ / 2);
	msleep(1500);
	bed_expect_nothing_left(bed);
	KUNIT_EXPECT_EQ(test, bed->hca->n_connects, 0);
}

/* Bound; its 32 MRs will take a second each. */
static struct session *device_slow_session(struct bed *bed)
{
	struct session *s = bed_session(bed, NULL);

	s->cmds_max = 32;
	session_connect(s);
	session_create(s);
	session_bind(s);
	bed->hca->slow_verb[FAKE_ALLOC_MR] = 1000;
	return s;
}

/* login, the MRs take a second each | ep_disconnect: the rest is not made */
static void regions_are_made_for_nobody(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = device_slow_session(bed);
	unsigned long start = jiffies;

	KUNIT_EXPECT_EQ(test, iscsid_login(bed->iscsid, s->sid, false), 0);
	msleep(2500);
	session_disconnect(s);
	session_stop(s);
	bed_settle();
	bed_expect_nothing_left(bed);
	KUNIT_EXPECT_LE(test, jiffies - start, 4 * HZ);
	bed->hca->slow_verb[FAKE_ALLOC_MR] = 0;
	device_expect_relogin(s);
}

/* the last Login Request waits for MRs | port error: it waits no longer */
static void failed_connection_gets_no_regions(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = device_slow_session(bed);
	unsigned long start = jiffies;

	fake_hca_port_event(bed->hca, IB_EVENT_PORT_ERR);
	KUNIT_EXPECT_NE(test, iscsid_login(bed->iscsid, s->sid, true), 0);
	KUNIT_EXPECT_LE(test, jiffies - start, 3 * HZ);
	session_disconnect(s);
	session_stop(s);
	bed_settle();
	bed_expect_nothing_left(bed);
	bed->hca->slow_verb[FAKE_ALLOC_MR] = 0;
	device_expect_relogin(s);
}

/* response, whose interrupt is late | ep_disconnect | interrupt | stop */
static void late_interrupt_completes_nothing(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct fake_qp *qp = s->qp;
	struct test_cmd *cmd;
	struct fake_pdu *pdu;

	bed->target->hold = true;
	cmd = cmd_submit(s, &(struct cmd_spec) { .len = 4096 });
	pdu = bed_next_pdu(bed, qp, ISCSI_OP_SCSI_CMD);
	bed->hca->hold_events = true;
	target_serve(bed->target, qp, pdu);
	session_disconnect(s);
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	bed->hca->hold_events = false;
	fake_qp_kick(qp);
	bed_settle();
	session_stop(s);
	bed->target->hold = false;
	KUNIT_EXPECT_NE(test, cmd_wait(cmd), -ETIMEDOUT);
	device_expect_relogin(s);
	bed_expect_conn_errors(bed, 0);
}

/*
 * A read, and the answer to a ping, which nobody answers: the device forgets
 * both | failure: without a completion they end when the queue pair is gone
 */
static void lost_completions_end_with_the_queue_pair(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct iscsi_nopin ping = {
		.opcode = ISCSI_OP_NOOP_IN,
		.flags = ISCSI_FLAG_CMD_FINAL,
		.itt = RESERVED_ITT,
		.ttt = cpu_to_be32(7),
	};
	unsigned int free_tasks = device_free_tasks(s);
	struct kmsg_dump_iter iter;
	struct test_cmd *cmd;

	bed->target->hold_all = true;
	bed->hca->hold_completions = true;
	cmd = cmd_submit(s, &(struct cmd_spec) { .len = 4096 });
	target_send(bed->target, s->qp, &ping, NULL, 0, 0);
	KUNIT_EXPECT_EQ(test, s->qp->inbox_len, 2);
	fake_qp_lose(s->qp);
	admin_mark_log(&iter);
	fake_qp_set_state(s->qp, IB_QPS_ERR);
	bed_expect_conn_errors(bed, 1);
	KUNIT_EXPECT_EQ(test, 1,
			admin_count_log(&iter, "did not flush its queues"));
	KUNIT_EXPECT_NE(test, cmd_wait(cmd), -ETIMEDOUT);
	bed_expect_nothing_left(bed);
	bed->target->hold_all = false;
	bed->hca->hold_completions = false;
	session_recover(s);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
	KUNIT_EXPECT_EQ(test, device_free_tasks(s), free_tasks);
}

/* The device forgets the receives | failure: none is freed before the queue pair */
static void lost_receives_end_with_the_queue_pair(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct kmsg_dump_iter iter;

	fake_qp_lose_recvs(s->qp);
	admin_mark_log(&iter);
	fake_qp_set_state(s->qp, IB_QPS_ERR);
	bed_expect_conn_errors(bed, 1);
	KUNIT_EXPECT_EQ(test, 1,
			admin_count_log(&iter, "did not flush its queues"));
	bed_expect_nothing_left(bed);
	session_recover(s);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
}

static const struct device_kind {
	const char		*desc;
	struct fake_hca_config	cfg;
} device_kinds[] = {
	{ "iWARP" },
	{ "RoCE", { .roce = true } },
};

KUNIT_ARRAY_PARAM_DESC(device_kind, device_kinds, desc);

/* command, SEND not done | ep_disconnect: what a queue has comes back if waited for */
static void slow_flush_is_waited_for(struct kunit *test)
{
	const struct device_kind *c = test->param_value;
	struct bed *bed = bed_create(test, &c->cfg);
	struct session *s = bed_logged_in(bed, NULL);
	struct test_cmd *cmd;

	bed->target->hold = true;
	bed->hca->hold_completions = true;
	bed->hca->slow_flush = true;
	cmd = cmd_submit(s, &(struct cmd_spec) { .len = 4096 });
	session_disconnect(s);
	session_stop(s);
	bed_settle();
	bed_expect_nothing_left(bed);
	bed->hca->hold_completions = false;
	bed->hca->slow_flush = false;
	bed->target->hold = false;
	device_expect_relogin(s);
	KUNIT_EXPECT_NE(test, cmd_wait(cmd), -ETIMEDOUT);
}

/*
 * command, SEND done, its key at the target | ep_disconnect, and the device does
 * not flush | stop: nothing but the end of the queue pair makes the key useless
 */
static void queue_pair_that_does_not_end_is_destroyed(struct kunit *test)
{
	const struct device_kind *c = test->param_value;
	struct bed *bed = bed_create(test, &c->cfg);
	struct session *s = bed_logged_in(bed, NULL);
	struct kmsg_dump_iter iter;
	struct test_cmd *cmd;

	bed->target->hold = true;
	cmd = cmd_submit(s, &(struct cmd_spec) { .len = 4096 });
	bed_next_pdu(bed, s->qp, ISCSI_OP_SCSI_CMD);
	bed->hca->no_error_state = true;
	bed->hca->allow_undrained = true;
	admin_mark_log(&iter);
	session_disconnect(s);
	session_stop(s);
	KUNIT_EXPECT_EQ(test, 1,
			admin_count_log(&iter, "did not flush its queues"));
	bed_settle();
	bed_expect_nothing_left(bed);
	bed->hca->no_error_state = false;
	bed->target->hold = false;
	device_expect_relogin(s);
	KUNIT_EXPECT_NE(test, cmd_wait(cmd), -ETIMEDOUT);
}

/* A completion of the registration in front of a command says nothing new. */
static void superfluous_completion_is_ignored(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct test_cmd *cmd;
	struct fake_pdu *pdu;
	struct fake_wr *reg;
	unsigned long flags;

	bed->target->hold = true;
	bed->hca->hold_completions = true;
	cmd = cmd_submit(s, &(struct cmd_spec) { .len = 4096 });
	pdu = bed_next_pdu(bed, s->qp, ISCSI_OP_SCSI_CMD);
	spin_lock_irqsave(&bed->hca->lock, flags);
	reg = list_first_entry(&s->qp->sq, struct fake_wr, node);
	KUNIT_EXPECT_EQ(test, reg->opcode, IB_WR_REG_MR);
	fake_qp_push(s->qp, reg->wr_id, IB_WC_SUCCESS, IB_WC_REG_MR, 0);
	spin_unlock_irqrestore(&bed->hca->lock, flags);
	fake_qp_kick(s->qp);
	bed_expect_conn_errors(bed, 0);
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	bed->hca->hold_completions = false;
	fake_qp_complete_all(s->qp);
	target_serve(bed->target, s->qp, pdu);
	cmd_expect_good(cmd);
}

/* Receives go back several at a time; when they cannot, there will be none. */
static void receives_that_are_not_taken_fail_connection(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct fake_hca *hca = bed->hca;
	unsigned int i;

	hca->fail_verb[FAKE_POST_RECV] =
		atomic_read(&hca->verb_calls[FAKE_POST_RECV]) + 1;
	for (i = 0; i < 16 && !bed->iscsid->n_conn_errors; i++) {
		KUNIT_EXPECT_NE(test, -ETIMEDOUT,
				cmd_wait(cmd_submit(s, &(struct cmd_spec) {
					.len = 4096 })));
		bed_settle();
		iscsid_take_events(bed->iscsid);
	}
	bed_expect_conn_errors(bed, 1);
	session_recover(s);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
}

static struct kunit_case ib_iser_device_cases[] = {
	KUNIT_CASE(queue_pair_is_made_for_nobody),
	KUNIT_CASE(regions_are_made_for_nobody),
	KUNIT_CASE(failed_connection_gets_no_regions),
	KUNIT_CASE(late_interrupt_completes_nothing),
	KUNIT_CASE(lost_completions_end_with_the_queue_pair),
	KUNIT_CASE(lost_receives_end_with_the_queue_pair),
	KUNIT_CASE_PARAM(slow_flush_is_waited_for, device_kind_gen_params),
	KUNIT_CASE_PARAM(queue_pair_that_does_not_end_is_destroyed,
			 device_kind_gen_params),
	KUNIT_CASE(superfluous_completion_is_ignored),
	KUNIT_CASE(receives_that_are_not_taken_fail_connection),
	{}
};

static struct kunit_suite ib_iser_device_suite = {
	.name = "ib_iser_device",
	.test_cases = ib_iser_device_cases,
};

kunit_test_suite(ib_iser_device_suite);
