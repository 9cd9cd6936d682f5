// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Between two statements of the teardown: a connection under I/O is taken down,
 * the device stops the module before each change of the queue pair and before
 * its end, and there something else happens. However that falls, all is given
 * back, nobody waits for ever, and the session logs in and works again.
 */
#include <linux/delay.h>

#include "order_run.h"

/* What happens there, beside the events of orders. */
enum { BETWEEN_RESPONSE = ORDER_EVENTS };

static const struct between_case {
	const char		*desc;
	enum order_event	first;		/* begins the teardown */
	unsigned int		then;		/* comes in the middle of it */
	bool			no_remote_inv;
} between_cases[] = {
	{ "ep_disconnect, response", EV_EP_DISCONNECT, BETWEEN_RESPONSE },
	{ "ep_disconnect, response that leaves the key", EV_EP_DISCONNECT,
	  BETWEEN_RESPONSE, true },
	{ "ep_disconnect, the peer closes", EV_EP_DISCONNECT, EV_DISCONNECTED },
	{ "ep_disconnect, error completion", EV_EP_DISCONNECT, EV_WC_ERROR },
	{ "ep_disconnect, QP event", EV_EP_DISCONNECT, EV_QP_EVENT },
	{ "ep_disconnect, port error", EV_EP_DISCONNECT, EV_PORT_ERR },
	{ "ep_disconnect, address change", EV_EP_DISCONNECT, EV_ADDR_CHANGE },
	{ "ep_disconnect, stop", EV_EP_DISCONNECT, EV_STOP },
	{ "ep_disconnect, error handler's put", EV_EP_DISCONNECT, EV_LATE_PUT },
	{ "ep_disconnect, removal", EV_EP_DISCONNECT, EV_REMOVAL },
	{ "stop, response", EV_STOP, BETWEEN_RESPONSE },
	{ "stop, response that leaves the key", EV_STOP, BETWEEN_RESPONSE, true },
	{ "stop, the peer closes", EV_STOP, EV_DISCONNECTED },
	{ "stop, error completion", EV_STOP, EV_WC_ERROR },
	{ "stop, port error", EV_STOP, EV_PORT_ERR },
	{ "stop, error handler's put", EV_STOP, EV_LATE_PUT },
	{ "stop, removal", EV_STOP, EV_REMOVAL },
	{ "removal, response", EV_REMOVAL, BETWEEN_RESPONSE },
	{ "removal, response that leaves the key", EV_REMOVAL, BETWEEN_RESPONSE,
	  true },
	{ "removal, the peer closes", EV_REMOVAL, EV_DISCONNECTED },
	{ "removal, error completion", EV_REMOVAL, EV_WC_ERROR },
	{ "removal, ep_disconnect", EV_REMOVAL, EV_EP_DISCONNECT },
	{ "removal, stop", EV_REMOVAL, EV_STOP },
	{ "removal, error handler's put", EV_REMOVAL, EV_LATE_PUT },
};

KUNIT_ARRAY_PARAM_DESC(between, between_cases, desc);

struct between {
	struct order_run		run;
	struct order			order;
	const struct between_case	*c;
	struct fake_qp			*qp;
	unsigned int			place;		/* to stop at */
	unsigned int			passed;		/* places so far */
	unsigned int			mapped;		/* mappings before the teardown */
	unsigned int			conn_refs;	/* with no connection of ours */
	struct delayed_work		then_work;
};

static void between_then_work(struct work_struct *work)
{
	struct between *t = container_of(work, struct between, then_work.work);
	struct fake_hca *hca = t->run.bed->hca;

	if (t->c->then != BETWEEN_RESPONSE) {
		order_run_event(&t->run, &t->order, t->c->then);
		return;
	}
	hca->hold_events = false;
	fake_qp_kick(t->qp);
}

/*
 * In the module's own thread, which goes on when the event has come as far as it
 * can. Until the queue pair is in ERR the target may read the memory of the write
 * that it has not answered: it has to be mapped, and SCSI must not have it back.
 */
static void between_hook(struct fake_hca *hca)
{
	struct between *t = hca->in_teardown_priv;
	struct kunit *test = t->run.test;

	if (t->passed++ != t->place)
		return;
	mod_delayed_work(system_wq, &t->then_work, 0);
	msleep(50);
	if (t->qp->state == IB_QPS_ERR)
		return;
	KUNIT_EXPECT_FALSE(test, cmd_is_done(t->run.cmd[1]));
	/* The read has ended where it has been answered. */
	KUNIT_EXPECT_GE(test, hca->dma->live,
			t->mapped - (t->c->then == BETWEEN_RESPONSE));
}

/* The read has its response, and the interrupt is late. */
static void between_hold_response(struct between *t)
{
	struct bed *bed = t->run.bed;
	struct fake_pdu *pdu;

	bed->hca->hold_completions = false;
	fake_qp_kick(t->qp);
	bed_settle();
	pdu = bed_next_pdu(bed, t->qp, ISCSI_OP_SCSI_CMD);
	bed->hca->hold_events = true;
	bed->target->no_remote_inv = t->c->no_remote_inv;
	target_serve(bed->target, t->qp, pdu);
	bed->target->no_remote_inv = false;
}

static void between_set_up(struct between *t)
{
	struct order_run *b = &t->run;

	order_run_set_up(b, &t->order);
	t->qp = b->s->qp;
	if (t->c->then == BETWEEN_RESPONSE)
		between_hold_response(t);
	t->passed = 0;
	t->mapped = b->bed->hca->dma->live;
	/* At the latest: held interrupts are the drain's, too, and it would wait for ever. */
	schedule_delayed_work(&t->then_work, msecs_to_jiffies(200));
	b->bed->hca->in_teardown_priv = t;
	b->bed->hca->in_teardown = between_hook;
}

/* Returns whether the teardown came to the place. */
static bool between_run_one(struct between *t)
{
	struct order_run *b = &t->run;
	struct kunit *test = b->test;

	between_set_up(t);
	order_run_event(b, &t->order, t->c->first);
	msleep(300);
	flush_delayed_work(&t->then_work);
	KUNIT_EXPECT_TRUE_MSG(test, order_run_wait_removal(b),
			      "the device cannot be removed");
	order_run_give_up(b);
	msleep(100);
	bed_settle();
	b->bed->hca->in_teardown = NULL;
	order_run_expect_silence(b);
	order_run_expect_nothing_left(b);
	order_run_late_put(b);
	order_run_expect_commands_done(b);
	bed_settle();
	order_run_expect_nothing_left(b);
	KUNIT_EXPECT_EQ(test, order_run_conn_refs(b), t->conn_refs);
	flush_work(&b->unplug_work);
	if (test->status != KUNIT_FAILURE)
		order_run_recover(b);
	return t->passed > t->place;
}

static void between(struct kunit *test, bool roce)
{
	struct between *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	bool came_there = true;

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->c = test->param_value;
	INIT_DELAYED_WORK(&t->then_work, between_then_work);
	order_first(&t->order, roce, ORDER_BUSY, false);
	t->order.n = 2;
	t->order.event[0] = t->c->first;
	/* What is not an event of orders takes nothing that they would set up. */
	t->order.event[1] = t->c->then < ORDER_EVENTS ? t->c->then : t->c->first;
	order_run_init(&t->run, test, roce);
	t->conn_refs = order_run_idle_conn_refs(&t->run);
	for (t->place = 0; came_there && test->status != KUNIT_FAILURE; t->place++)
		came_there = between_run_one(t);
	/* disconnect, drain, its two queues, destroy */
	KUNIT_EXPECT_GE(test, t->place, 5);
	if (test->status == KUNIT_FAILURE)
		kunit_err(test, "the place was: %u\n", t->place - 1);
}

static void teardown_is_right_between_iwarp(struct kunit *test)
{
	between(test, false);
}

static void teardown_is_right_between_roce(struct kunit *test)
{
	between(test, true);
}

static struct kunit_case ib_iser_between_cases[] = {
	KUNIT_CASE_PARAM(teardown_is_right_between_iwarp, between_gen_params),
	KUNIT_CASE_PARAM(teardown_is_right_between_roce, between_gen_params),
	{}
};

static struct kunit_suite ib_iser_between_suite = {
	.name = "ib_iser_between",
	.test_cases = ib_iser_between_cases,
};

kunit_test_suites(&ib_iser_between_suite);
