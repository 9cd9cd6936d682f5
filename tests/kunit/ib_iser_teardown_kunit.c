// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The end of a connection, by enumeration: every order of up to three of the
 * events below, in each state of the connection, one after the other has been
 * dealt with and all at once. Each order must end with everything freed and
 * every command given back, in bounded time; and unless the device is gone, the
 * session must then recover.
 *
 * An event that has no object any more, because an earlier one has ended it, is
 * left out on the spot. What iscsid or the hardware cannot do is never
 * generated: see order_excluded().
 */
#include <linux/etherdevice.h>
#include <linux/rtnetlink.h>

#include "bed.h"

#define ORDER_MAX	3

enum order_state {
	ORDER_CONNECTING,	/* REQ sent, no answer yet */
	ORDER_UP,		/* connected, not bound */
	ORDER_BOUND,		/* bound, nothing sent */
	ORDER_LOGIN,		/* Login Request sent, no answer yet */
	ORDER_FULL,		/* a read and a write on their way */
	ORDER_STATES,
};

static const char * const order_state_names[] = {
	"connecting", "up", "bound", "login", "full feature",
};

enum order_event {
	EV_CLOSED,		/* the CM reports the peer's close */
	EV_WC_ERROR,		/* a completion with an error */
	EV_QP_FATAL,		/* an asynchronous event of the queue pair */
	EV_PORT_ERR,		/* the port goes down */
	EV_ADDR_CHANGE,		/* the CM reports another source address */
	EV_EP_DISCONNECT,	/* iscsid */
	EV_STOP_CONN,		/* iscsid */
	EV_REMOVAL,		/* the device is unplugged */
	EV_COUNT,
};

static const char * const order_event_names[] = {
	"closed", "completion error", "QP event", "port down", "addr change",
	"ep_disconnect", "stop", "removal",
};

struct order {
	enum order_state	state;
	bool			at_once;
	unsigned int		n;
	enum order_event	event[ORDER_MAX];
};

struct order_run {
	const struct order	*order;
	struct bed		*bed;
	struct session		*s;
	struct test_cmd		*cmd[2];
	struct work_struct	unplug_work;
	struct completion	unplugged;
	bool			removed;
};

static bool order_has(const struct order *o, unsigned int before,
		      enum order_event event)
{
	unsigned int i;

	for (i = 0; i < before; i++)
		if (o->event[i] == event)
			return true;
	return false;
}

/* Which rule forbids the order, or NULL. */
static const char *order_excluded(const struct order *o)
{
	unsigned int i;

	for (i = 0; i < o->n; i++) {
		if (order_has(o, i, o->event[i]))
			return "an event comes once";
		if (order_has(o, i, EV_REMOVAL) &&
		    o->event[i] != EV_EP_DISCONNECT &&
		    o->event[i] != EV_STOP_CONN)
			return "a device that is gone reports nothing";
		if (o->event[i] == EV_STOP_CONN && o->state < ORDER_BOUND)
			return "nothing is bound that could be stopped";
		if (o->state == ORDER_CONNECTING &&
		    (o->event[i] == EV_CLOSED || o->event[i] == EV_WC_ERROR))
			return "nothing is connected that could fail";
	}
	return NULL;
}

static unsigned int order_generated, order_left_out;

/* Counts through states, both paces, and the sequences in their order. */
static bool order_next(struct order *o)
{
	unsigned int i;

	for (i = 0; i < o->n; i++) {
		if (++o->event[i] < EV_COUNT)
			return true;
		o->event[i] = 0;
	}
	if (o->n < ORDER_MAX) {
		o->n++;
		return true;
	}
	o->n = 1;
	if (!o->at_once) {
		o->at_once = true;
		return true;
	}
	o->at_once = false;
	return ++o->state < ORDER_STATES;
}

static void order_describe(const struct order *o, char *desc)
{
	unsigned int i;
	size_t len;

	len = snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s%s",
		       order_state_names[o->state], o->at_once ? ", at once" : "");
	for (i = 0; i < o->n; i++)
		len += snprintf(desc + len, KUNIT_PARAM_DESC_SIZE - len, "%s%s",
				i ? ", " : ": ", order_event_names[o->event[i]]);
}

static const void *order_gen_params(struct kunit *test, const void *prev,
				    char *desc)
{
	static struct order order;

	if (!prev) {
		order = (struct order) { .n = 1 };
		order_generated = 1;
		order_left_out = 0;
	} else {
		if (!order_next(&order))
			return NULL;
		order_generated++;
	}
	while (order_excluded(&order)) {
		order_left_out++;
		if (!order_next(&order))
			return NULL;
		order_generated++;
	}
	order_describe(&order, desc);
	return &order;
}

/* The connection's queue pair, if there still is one. */
static struct fake_qp *order_qp(struct order_run *r)
{
	if (r->removed)
		return NULL;
	return list_first_entry_or_null(&r->bed->hca->qps, struct fake_qp, node);
}

static void order_unplug_work(struct work_struct *work)
{
	struct order_run *r = container_of(work, struct order_run, unplug_work);

	fake_hca_unplug(r->bed->hca);
	complete_all(&r->unplugged);
}

/* As a bond does whose active link has changed. */
static void order_addr_change(struct order_run *r)
{
	struct net_device *netdev = r->bed->hca->netdev;
	u8 addr[ETH_ALEN];

	eth_random_addr(addr);
	rtnl_lock();
	eth_hw_addr_set(netdev, addr);
	netdev->flags |= IFF_MASTER;
	netdev->priv_flags |= IFF_BONDING;
	call_netdevice_notifiers(NETDEV_BONDING_FAILOVER, netdev);
	netdev->flags &= ~IFF_MASTER;
	netdev->priv_flags &= ~IFF_BONDING;
	rtnl_unlock();
}

static void order_hca_event(struct order_run *r, struct fake_qp *qp,
			    enum order_event event)
{
	switch (event) {
	case EV_CLOSED:
		fake_cm_close(qp);
		break;
	case EV_WC_ERROR:
		if (!fake_qp_complete(qp, IB_WC_RETRY_EXC_ERR))
			fake_qp_fail_recv(qp, IB_WC_REM_OP_ERR);
		break;
	case EV_QP_FATAL:
		fake_qp_event(qp, IB_EVENT_QP_FATAL);
		break;
	default:
		break;
	}
}

static void order_event(struct order_run *r, enum order_event event)
{
	struct iscsid *d = r->bed->iscsid;
	struct fake_qp *qp;

	switch (event) {
	case EV_PORT_ERR:
		fake_hca_port_event(r->bed->hca, IB_EVENT_PORT_ERR);
		break;
	case EV_ADDR_CHANGE:
		order_addr_change(r);
		break;
	case EV_EP_DISCONNECT:
		iscsid_ep_disconnect(d, r->s->ep);
		r->s->ep = 0;
		break;
	case EV_STOP_CONN:
		iscsid_stop_conn(d, r->s->sid, STOP_CONN_RECOVER);
		break;
	case EV_REMOVAL:
		r->removed = true;
		schedule_work(&r->unplug_work);
		break;
	default:
		qp = order_qp(r);
		if (qp)
			order_hca_event(r, qp, event);
		break;
	}
}

static void order_connect_only(struct session *s)
{
	struct bed *bed = s->bed;
	struct sockaddr_storage addr;

	bed->hca->hold_connects = true;
	fake_net_portal(&addr, bed->hca->net, false);
	KUNIT_ASSERT_EQ(bed->test, 0,
			iscsid_ep_connect(bed->iscsid, &addr, &s->ep));
	bed_settle();
	KUNIT_ASSERT_EQ(bed->test, iscsid_ep_poll(bed->iscsid, s->ep), 0);
}

static void order_set_up(struct order_run *r)
{
	struct session *s = bed_session(r->bed, NULL);
	struct kunit *test = r->bed->test;

	r->s = s;
	if (r->order->state == ORDER_CONNECTING) {
		order_connect_only(s);
		return;
	}
	session_connect(s);
	if (r->order->state == ORDER_UP)
		return;
	session_create(s);
	session_bind(s);
	if (r->order->state == ORDER_BOUND)
		return;
	if (r->order->state == ORDER_LOGIN) {
		r->bed->target->hold_all = true;
		r->bed->hca->hold_completions = true;
		KUNIT_ASSERT_EQ(test, 0, iscsid_login(r->bed->iscsid, s->sid,
						      true));
		return;
	}
	session_login(s);
	session_scan(s);
	r->bed->target->hold = true;
	r->bed->hca->hold_completions = true;
	r->cmd[0] = cmd_submit(s, &(struct cmd_spec) { .len = 16384 });
	r->cmd[1] = cmd_submit(s, &(struct cmd_spec) { .len = 16384,
						       .write = true });
}

/* Nothing of a connection is left; the CQs belong to the RDMA core. */
static void order_expect_nothing_left(struct order_run *r)
{
	struct fake_hca *hca = r->bed->hca;
	struct kunit *test = r->bed->test;

	KUNIT_EXPECT_EQ(test, hca->n_qp, 0);
	KUNIT_EXPECT_EQ(test, hca->n_mr, 0);
	KUNIT_EXPECT_EQ(test, hca->n_pd, 0);
	KUNIT_EXPECT_EQ(test, hca->dma->live, 0);
}

/* What iscsid does about a connection that has failed, if it has not yet. */
static void order_iscsid_gives_up(struct order_run *r)
{
	struct iscsid *d = r->bed->iscsid;

	if (r->s->ep)
		iscsid_ep_disconnect(d, r->s->ep);
	r->s->ep = 0;
	if (r->s->has_conn)
		KUNIT_EXPECT_EQ(r->bed->test, 0,
				iscsid_stop_conn(d, r->s->sid,
						 STOP_CONN_RECOVER));
	bed_settle();
}

static void order_recover(struct order_run *r)
{
	struct bed *bed = r->bed;

	bed->hca->hold_completions = false;
	bed->hca->hold_connects = false;
	bed->target->hold = false;
	bed->target->hold_all = false;
	session_connect(r->s);
	if (!r->s->has_session)
		session_create(r->s);
	session_bind(r->s);
	session_login(r->s);
	if (!r->s->sdev)
		session_scan(r->s);
	cmd_expect_good(cmd_submit(r->s, &(struct cmd_spec) { .len = 4096 }));
}

static void every_order_ends_well(struct kunit *test)
{
	struct order_run *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	unsigned long start;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->order = test->param_value;
	r->bed = bed_create(test, NULL);
	INIT_WORK(&r->unplug_work, order_unplug_work);
	init_completion(&r->unplugged);
	order_set_up(r);

	start = jiffies;
	for (i = 0; i < r->order->n; i++) {
		order_event(r, r->order->event[i]);
		if (!r->order->at_once)
			bed_settle();
	}
	bed_settle();
	order_iscsid_gives_up(r);
	if (r->removed)
		KUNIT_EXPECT_NE(test, 0,
				wait_for_completion_timeout(&r->unplugged,
							    20 * HZ));
	KUNIT_EXPECT_LE(test, jiffies_to_msecs(jiffies - start), 1000);
	order_expect_nothing_left(r);
	for (i = 0; i < ARRAY_SIZE(r->cmd) && r->cmd[i]; i++)
		KUNIT_EXPECT_NE(test, cmd_wait(r->cmd[i]), -ETIMEDOUT);
	if (!r->removed)
		order_recover(r);
	flush_work(&r->unplug_work);
}

static void ib_iser_teardown_report(struct kunit_suite *suite)
{
	kunit_info(suite, "%u orders generated, %u left out, %u run",
		   order_generated, order_left_out,
		   order_generated - order_left_out);
}

static struct kunit_case ib_iser_teardown_cases[] = {
	KUNIT_CASE_PARAM(every_order_ends_well, order_gen_params),
	{}
};

static struct kunit_suite ib_iser_teardown_suite = {
	.name = "ib_iser_teardown",
	.test_cases = ib_iser_teardown_cases,
	.suite_exit = ib_iser_teardown_report,
};

kunit_test_suite(ib_iser_teardown_suite);
