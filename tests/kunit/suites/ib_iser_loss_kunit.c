// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What ends a connection that is up without a word from the queue pair: events
 * of the RDMA CM, of the addresses and of the device, on both kinds of device.
 * libiscsi must be told once, or the session stands still for ever; and it must
 * be able to recover.
 */
#include <net/ipv6.h>

#include "bed.h"
#include "fake_parts.h"
/* The core's own table, which only its own code changes. */
#include "core_priv.h"

static const struct loss_case {
	const char		*desc;
	void			(*lose)(struct fake_qp *qp);
	struct fake_hca_config	cfg;
} loss_cases[] = {
	{ "the peer asks for the end", fake_cm_disconnect, { .roce = true } },
	{ "the peer closes", fake_cm_close, { .roce = true } },
	{ "the peer closes, iWARP", fake_cm_close },
	{ "the portal has moved", fake_cm_unreachable, { .roce = true } },
	{ "the portal has moved, IPv6", fake_cm_unreachable,
	  { .roce = true, .ipv6 = true } },
	{ "unreachable, iWARP", fake_cm_unreachable },
	{ "another MAC address", fake_cm_addr_change, { .roce = true } },
	{ "another MAC address, iWARP", fake_cm_addr_change },
};

KUNIT_ARRAY_PARAM_DESC(loss, loss_cases, desc);

/* Recovers, after which a command that was under way is done again. */
static void loss_recover(struct session *s, struct test_cmd *cmd)
{
	s->bed->hca->hold_completions = false;
	s->bed->target->hold = false;
	session_recover(s);
	KUNIT_EXPECT_NE(s->bed->test, cmd_wait(cmd), -ETIMEDOUT);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 16384 }));
}

/* However the test ends: the command's memory is freed when it has ended. */
static void loss_close(void *data)
{
	struct session *s = data;

	s->bed->hca->hold_completions = false;
	s->bed->hca->hold_close = false;
	session_close(s);
}

/* A session with a read on its way. */
static struct session *loss_session(struct bed *bed, struct test_cmd **cmd)
{
	struct session *s = bed_logged_in(bed, NULL);

	bed->target->hold = true;
	bed->hca->hold_completions = true;
	*cmd = cmd_submit(s, &(struct cmd_spec) { .len = 16384 });
	KUNIT_ASSERT_EQ(bed->test, kunit_add_action_or_reset(bed->test,
							     loss_close, s), 0);
	return s;
}

/* I/O under way | event | CONN_ERROR, once | iscsid recovers */
static void loss_is_reported_once(struct kunit *test)
{
	const struct loss_case *c = test->param_value;
	struct bed *bed = bed_create(test, &c->cfg);
	struct test_cmd *cmd;
	struct session *s = loss_session(bed, &cmd);

	c->lose(s->qp);
	bed_expect_conn_errors(bed, 1);
	loss_recover(s, cmd);
	bed_expect_conn_errors(bed, 1);
}

/* Those of them that can come before the connection is up. */
static const struct early_loss_case {
	const char		*desc;
	void			(*lose)(struct fake_qp *qp);
	struct fake_hca_config	cfg;
	int			poll;		/* wanted */
} early_loss_cases[] = {
	{ "the portal has moved", fake_cm_unreachable, { .roce = true },
	  -ETIMEDOUT },
	{ "the portal has moved, IPv6", fake_cm_unreachable,
	  { .roce = true, .ipv6 = true }, -ETIMEDOUT },
	{ "another MAC address", fake_cm_addr_change, { .roce = true },
	  -ECONNRESET },
	{ "another MAC address, iWARP", fake_cm_addr_change, {}, -ECONNRESET },
};

KUNIT_ARRAY_PARAM_DESC(early_loss, early_loss_cases, desc);

/* REQ | event | ep_poll says so | ep_disconnect */
static void loss_while_connecting_fails_it(struct kunit *test)
{
	const struct early_loss_case *c = test->param_value;
	struct bed *bed = bed_create(test, &c->cfg);
	struct session *s = bed_session(bed, NULL);
	struct sockaddr_storage addr;

	bed->hca->hold_connects = true;
	fake_net_portal(&addr, bed->hca->net, c->cfg.ipv6);
	KUNIT_ASSERT_EQ(test, iscsid_ep_connect(bed->iscsid, &addr, &s->ep), 0);
	bed_settle();
	KUNIT_ASSERT_FALSE(test, list_empty(&bed->hca->qps));
	c->lose(list_first_entry(&bed->hca->qps, struct fake_qp, node));
	bed_settle();
	KUNIT_EXPECT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), c->poll);
	session_disconnect(s);
	bed_settle();
	bed_expect_nothing_left(bed);
	bed->hca->hold_connects = false;
	session_connect(s);
}

/* event | ep_disconnect | event again | stop: nobody is told twice */
static void loss_after_disconnect_is_silent(struct kunit *test)
{
	const struct loss_case *c = test->param_value;
	struct bed *bed = bed_create(test, &c->cfg);
	struct test_cmd *cmd;
	struct session *s = loss_session(bed, &cmd);
	struct fake_qp *qp = s->qp;

	session_disconnect(s);
	c->lose(qp);
	bed_expect_conn_errors(bed, 0);
	session_stop(s);
	bed_settle();
	bed_expect_nothing_left(bed);
}

/* RoCE: REP | RTU, which is lost | the far end gives up: REJ of its REP */
static void reject_of_what_was_up_is_reported(struct kunit *test)
{
	struct bed *bed = bed_create(test, &(struct fake_hca_config) {
		.roce = true });
	struct test_cmd *cmd;
	struct session *s = loss_session(bed, &cmd);

	fake_roce_reject(s->qp, IB_CM_REJ_CONSUMER_DEFINED);
	bed_expect_conn_errors(bed, 1);
	loss_recover(s, cmd);
}

/*
 * RoCE: a second address comes and goes, which concerns nobody; then our own
 * goes, and comes again.
 */
static void only_the_own_address_matters(struct kunit *test)
{
	struct bed *bed = bed_create(test, &(struct fake_hca_config) {
		.roce = true });
	struct net_device *netdev = bed->hca->netdev;
	unsigned int net = bed->hca->net;
	struct test_cmd *cmd;
	struct session *s = loss_session(bed, &cmd);

	KUNIT_ASSERT_EQ(test, fake_net_set_ipv4(netdev, net, true, 9), 0);
	bed_expect_conn_errors(bed, 0);
	KUNIT_ASSERT_EQ(test, fake_net_set_ipv4(netdev, net, true, 0), 0);
	bed_expect_conn_errors(bed, 0);
	KUNIT_ASSERT_EQ(test, fake_net_set_ipv4(netdev, net, false, 0), 0);
	bed_expect_conn_errors(bed, 1);
	KUNIT_ASSERT_EQ(test, fake_net_set_ipv4(netdev, net, false, 1), 0);
	bed_settle();
	loss_recover(s, cmd);
}

/*
 * RoCE: the address moves to another netdev of the same port, as when a bridge is
 * made. It is at the port as before, but not where the queue pair sends from.
 */
static void address_of_another_netdev_is_another(struct kunit *test)
{
	struct bed *bed = bed_create(test, &(struct fake_hca_config) {
		.roce = true });
	struct ib_gid_attr attr = { .gid_type = IB_GID_TYPE_ROCE_UDP_ENCAP };
	struct net_device *netdev = bed->hca->netdev;
	unsigned int net = bed->hca->net;
	struct net_device *bridge = fake_net_create(net + 1000, false);
	union ib_gid gid = {};
	struct test_cmd *cmd;
	struct session *s = loss_session(bed, &cmd);

	KUNIT_ASSERT_NOT_NULL(test, bridge);
	RCU_INIT_POINTER(attr.ndev, bridge);
	ipv6_addr_set_v4mapped(htonl(0xc6120001 | net << 8),
			       (struct in6_addr *)gid.raw);
	KUNIT_EXPECT_EQ(test, 0, ib_cache_gid_add(&bed->hca->ib, 1, &gid, &attr));
	bed_expect_conn_errors(bed, 0);
	KUNIT_EXPECT_EQ(test, fake_net_set_ipv4(netdev, net, false, 0), 0);
	bed_expect_conn_errors(bed, 1);
	ib_cache_gid_del(&bed->hca->ib, 1, &gid, &attr);
	KUNIT_EXPECT_EQ(test, fake_net_set_ipv4(netdev, net, false, 1), 0);
	bed_settle();
	fake_net_destroy(bridge);
	loss_recover(s, cmd);
}

enum removal_state {
	REMOVAL_CONNECTING,
	REMOVAL_UP,
	REMOVAL_FULL,
	REMOVAL_FAILED,			/* iscsid has been told */
	REMOVAL_DISCONNECTED,		/* by iscsid, not stopped */
	REMOVAL_SILENT,			/* the same, and the far end is silent */
};

static const struct removal_case {
	const char		*desc;
	enum removal_state	state;
} removal_cases[] = {
	{ "while connecting",			REMOVAL_CONNECTING },
	{ "while up",				REMOVAL_UP },
	{ "under I/O",				REMOVAL_FULL },
	{ "after the peer has gone",		REMOVAL_FAILED },
	{ "half torn down",			REMOVAL_DISCONNECTED },
	{ "half torn down, our DREQ unanswered", REMOVAL_SILENT },
};

KUNIT_ARRAY_PARAM_DESC(removal, removal_cases, desc);

struct removal {
	struct fake_hca		*hca;
	struct work_struct	work;
	struct completion	done;
};

static void removal_work(struct work_struct *work)
{
	struct removal *r = container_of(work, struct removal, work);

	fake_hca_unplug(r->hca);
	complete_all(&r->done);
}

static void removal_flush(void *data)
{
	struct removal *r = data;

	flush_work(&r->work);
}

static void removal_set_up(struct bed *bed, enum removal_state state)
{
	struct session *s = bed_session(bed, NULL);
	struct sockaddr_storage addr;
	struct test_cmd *cmd;

	if (state == REMOVAL_CONNECTING) {
		bed->hca->hold_connects = true;
		fake_net_portal(&addr, bed->hca->net, false);
		KUNIT_ASSERT_EQ(bed->test, iscsid_ep_connect(bed->iscsid, &addr,
							     &s->ep), 0);
		bed_settle();
		return;
	}
	if (state == REMOVAL_UP) {
		session_connect(s);
		return;
	}
	s = loss_session(bed, &cmd);
	if (state == REMOVAL_FAILED)
		fake_cm_disconnect(s->qp);
	bed->hca->hold_close = state == REMOVAL_SILENT;
	if (state == REMOVAL_DISCONNECTED || state == REMOVAL_SILENT)
		session_disconnect(s);
	bed_settle();
}

/* RoCE: the device goes, iscsid is dead: within a second, and nothing is left. */
static void removal_on_roce_waits_for_nobody(struct kunit *test)
{
	const struct removal_case *c = test->param_value;
	struct bed *bed = bed_create(test, &(struct fake_hca_config) {
		.roce = true });
	struct removal *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	unsigned long start;

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->hca = bed->hca;
	INIT_WORK(&r->work, removal_work);
	init_completion(&r->done);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, removal_flush, r),
			0);
	removal_set_up(bed, c->state);
	start = jiffies;
	schedule_work(&r->work);
	KUNIT_EXPECT_NE(test, 0, wait_for_completion_timeout(&r->done,
							     100 * HZ));
	KUNIT_EXPECT_LE(test, jiffies - start, HZ);
	bed_expect_nothing_left(bed);
}

static struct kunit_case ib_iser_loss_cases[] = {
	KUNIT_CASE_PARAM(loss_is_reported_once, loss_gen_params),
	KUNIT_CASE_PARAM(loss_while_connecting_fails_it,
			 early_loss_gen_params),
	KUNIT_CASE_PARAM(loss_after_disconnect_is_silent, loss_gen_params),
	KUNIT_CASE(reject_of_what_was_up_is_reported),
	KUNIT_CASE(only_the_own_address_matters),
	KUNIT_CASE(address_of_another_netdev_is_another),
	KUNIT_CASE_PARAM(removal_on_roce_waits_for_nobody, removal_gen_params),
	{}
};

static struct kunit_suite ib_iser_loss_suite = {
	.name = "ib_iser_loss",
	.test_cases = ib_iser_loss_cases,
};

kunit_test_suite(ib_iser_loss_suite);
