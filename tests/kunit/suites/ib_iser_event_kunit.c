// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What a device says about itself, its ports and its queue pairs: the connection
 * that an event concerns fails at once, all others go on.
 */
#include <linux/delay.h>

#include "bed.h"
#include "ulp.h"

static void event_expect_good_io(struct session *s)
{
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 16384 }));
}

/* The connections use port 1. */
static const struct event_case {
	const char		*desc;
	enum ib_event_type	type;
	u32			port;		/* 0: of the queue pair */
	bool			fatal;
} event_cases[] = {
	{ "the device fails",		IB_EVENT_DEVICE_FATAL, 1, true },
	{ "the port goes down",		IB_EVENT_PORT_ERR, 1, true },
	{ "another port goes down",	IB_EVENT_PORT_ERR, 2 },
	{ "the port comes up",		IB_EVENT_PORT_ACTIVE, 1 },
	{ "another port comes up",	IB_EVENT_PORT_ACTIVE, 2 },
	{ "other GIDs, ours is there",	IB_EVENT_GID_CHANGE, 1 },
	{ "other GIDs on another port",	IB_EVENT_GID_CHANGE, 2 },
	{ "another LID",		IB_EVENT_LID_CHANGE, 1 },
	{ "another subnet manager",	IB_EVENT_SM_CHANGE, 1 },
	{ "QP fatal",			IB_EVENT_QP_FATAL, 0, true },
	{ "QP request error",		IB_EVENT_QP_REQ_ERR, 0, true },
	{ "QP access error",		IB_EVENT_QP_ACCESS_ERR, 0, true },
	{ "QP communication established", IB_EVENT_COMM_EST },
	{ "QP send queue drained",	IB_EVENT_SQ_DRAINED },
	{ "QP last WQE reached",	IB_EVENT_QP_LAST_WQE_REACHED },
};

KUNIT_ARRAY_PARAM_DESC(event, event_cases, desc);

static void event_concerns_a_connection_or_not(struct kunit *test)
{
	const struct event_case *c = test->param_value;
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);

	if (c->port)
		fake_hca_event(bed->hca, c->port, c->type);
	else
		fake_qp_event(s->qp, c->type);
	bed_expect_conn_errors(bed, c->fatal);
	if (c->fatal)
		session_recover(s);
	event_expect_good_io(s);
	bed_expect_conn_errors(bed, c->fatal);
}

static struct bed *event_grace_bed(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);

	KUNIT_ASSERT_EQ(test, ulp_set_param(test, "port_down_grace_ms", "1000"), 0);
	return bed;
}

/* port error | another port comes up | the grace is over: failed */
static void grace_is_of_one_port(struct kunit *test)
{
	struct bed *bed = event_grace_bed(test);

	bed_logged_in(bed, NULL);
	bed->hca->port_down = true;
	fake_hca_port_event(bed->hca, IB_EVENT_PORT_ERR);
	bed_settle();
	fake_hca_event(bed->hca, 2, IB_EVENT_PORT_ACTIVE);
	bed_expect_conn_errors(bed, 0);
	msleep(1500);
	bed_expect_conn_errors(bed, 1);
}

/* port error | the port is up again, and nobody says so | the grace is over */
static void port_is_asked_when_the_grace_is_over(struct kunit *test)
{
	struct bed *bed = event_grace_bed(test);
	struct session *s = bed_logged_in(bed, NULL);

	fake_hca_event(bed->hca, 1, IB_EVENT_PORT_ERR);
	msleep(2000);
	bed_expect_conn_errors(bed, 0);
	event_expect_good_io(s);
}

/* port error | port active, which was before it | the grace is over: failed */
static void late_event_ends_no_grace(struct kunit *test)
{
	struct bed *bed = event_grace_bed(test);

	bed_logged_in(bed, NULL);
	bed->hca->port_down = true;
	fake_hca_port_event(bed->hca, IB_EVENT_PORT_ERR);
	bed_settle();
	fake_hca_event(bed->hca, 1, IB_EVENT_PORT_ACTIVE);
	msleep(1500);
	bed_expect_conn_errors(bed, 1);
}

/* port error | the port is up, and the core has not heard of it | the grace is over */
static void port_itself_is_asked(struct kunit *test)
{
	struct bed *bed = event_grace_bed(test);
	struct session *s = bed_logged_in(bed, NULL);

	bed->hca->port_down = true;
	fake_hca_port_event(bed->hca, IB_EVENT_PORT_ERR);
	bed_settle();
	bed->hca->port_down = false;
	msleep(1500);
	bed_expect_conn_errors(bed, 0);
	event_expect_good_io(s);
}

/* port error | 0.7 s | down again after a moment | 0.7 s: never down for a second */
static void each_loss_has_its_grace(struct kunit *test)
{
	struct bed *bed = event_grace_bed(test);
	struct session *s = bed_logged_in(bed, NULL);

	bed->hca->port_down = true;
	fake_hca_port_event(bed->hca, IB_EVENT_PORT_ERR);
	msleep(700);
	bed->hca->port_down = false;
	fake_hca_port_event(bed->hca, IB_EVENT_PORT_ACTIVE);
	bed_settle();
	bed->hca->port_down = true;
	fake_hca_port_event(bed->hca, IB_EVENT_PORT_ERR);
	msleep(700);
	bed->hca->port_down = false;
	fake_hca_port_event(bed->hca, IB_EVENT_PORT_ACTIVE);
	msleep(1500);
	bed_expect_conn_errors(bed, 0);
	event_expect_good_io(s);
}

/* ep_disconnect | port error | the grace is over | stop: nobody is told */
static void grace_is_for_connections_that_are_up(struct kunit *test)
{
	struct bed *bed = event_grace_bed(test);
	struct session *s = bed_logged_in(bed, &(struct iscsid_params) {
		.recovery_tmo = 60 });

	session_disconnect(s);
	bed->hca->port_down = true;
	fake_hca_port_event(bed->hca, IB_EVENT_PORT_ERR);
	msleep(2000);
	bed_expect_conn_errors(bed, 0);
	session_stop(s);
	bed_settle();
	KUNIT_EXPECT_EQ(test, bed->hca->n_qp, 0);
	bed->hca->port_down = false;
	fake_hca_port_event(bed->hca, IB_EVENT_PORT_ACTIVE);
	bed_settle();
	session_log_in_again(s);
	event_expect_good_io(s);
}

/* REQ | port error | the grace is over, and nobody has answered */
static void grace_ends_a_connect(struct kunit *test)
{
	struct bed *bed = event_grace_bed(test);
	struct session *s = bed_session(bed, NULL);
	struct sockaddr_storage addr;

	bed->hca->hold_connects = true;
	fake_net_portal(&addr, bed->hca->net, false);
	KUNIT_ASSERT_EQ(test, iscsid_ep_connect(bed->iscsid, &addr, &s->ep), 0);
	bed_settle();
	bed->hca->port_down = true;
	fake_hca_port_event(bed->hca, IB_EVENT_PORT_ERR);
	bed_settle();
	KUNIT_EXPECT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), 0);
	msleep(1500);
	KUNIT_EXPECT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), -ENETDOWN);
	session_disconnect(s);
	bed_settle();
	bed_expect_nothing_left(bed);
}

/* port error | ep_disconnect, stop, all is freed | the grace would be over */
static void grace_ends_with_its_connection(struct kunit *test)
{
	struct bed *bed = event_grace_bed(test);
	struct session *s = bed_logged_in(bed, NULL);

	bed->hca->port_down = true;
	fake_hca_port_event(bed->hca, IB_EVENT_PORT_ERR);
	bed_settle();
	session_close(s);
	bed_expect_nothing_left(bed);
	msleep(2000);
	bed_expect_conn_errors(bed, 0);
}

/*
 * A device that iSER cannot use goes while an endpoint leads to it: the removal
 * waits for the CM's id, and iscsid may be dead.
 */
static void unfit_device_goes_away(struct kunit *test)
{
	struct bed *bed = bed_create(test, &(struct fake_hca_config) {
		.no_mem_mgt = true });
	struct session *s = bed_session(bed, NULL);
	unsigned long start = jiffies;
	struct sockaddr_storage addr;

	fake_net_portal(&addr, bed->hca->net, false);
	KUNIT_ASSERT_EQ(test, iscsid_ep_connect(bed->iscsid, &addr, &s->ep), 0);
	bed_settle();
	KUNIT_EXPECT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), -EOPNOTSUPP);
	fake_hca_unplug(bed->hca);
	KUNIT_EXPECT_LE(test, jiffies - start, HZ);
	KUNIT_EXPECT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), -EOPNOTSUPP);
	session_disconnect(s);
}

/* port error | port active within the grace: nothing happened */
static void port_that_comes_back_in_time_fails_nothing(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);

	KUNIT_ASSERT_EQ(test, ulp_set_param(test, "port_down_grace_ms", "1000"), 0);
	bed->hca->port_down = true;
	fake_hca_port_event(bed->hca, IB_EVENT_PORT_ERR);
	bed_settle();
	bed->hca->port_down = false;
	fake_hca_port_event(bed->hca, IB_EVENT_PORT_ACTIVE);
	msleep(2000);
	bed_expect_conn_errors(bed, 0);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
}

/* port error | within the grace nothing | the grace is over: failed */
static void port_that_stays_down_fails_the_connection(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);

	bed_logged_in(bed, NULL);
	KUNIT_ASSERT_EQ(test, ulp_set_param(test, "port_down_grace_ms", "1000"), 0);
	bed->hca->port_down = true;
	fake_hca_port_event(bed->hca, IB_EVENT_PORT_ERR);
	msleep(500);
	bed_expect_conn_errors(bed, 0);
	msleep(1000);
	bed_expect_conn_errors(bed, 1);
}

static struct kunit_case ib_iser_event_cases[] = {
	KUNIT_CASE(port_that_stays_down_fails_the_connection),
	KUNIT_CASE(port_that_comes_back_in_time_fails_nothing),
	KUNIT_CASE_PARAM(event_concerns_a_connection_or_not, event_gen_params),
	KUNIT_CASE(grace_is_of_one_port),
	KUNIT_CASE(port_is_asked_when_the_grace_is_over),
	KUNIT_CASE(late_event_ends_no_grace),
	KUNIT_CASE(port_itself_is_asked),
	KUNIT_CASE(each_loss_has_its_grace),
	KUNIT_CASE(grace_is_for_connections_that_are_up),
	KUNIT_CASE(grace_ends_a_connect),
	KUNIT_CASE(grace_ends_with_its_connection),
	KUNIT_CASE(unfit_device_goes_away),
	{}
};

static struct kunit_suite ib_iser_event_suite = {
	.name = "ib_iser_event",
	.test_cases = ib_iser_event_cases,
};

kunit_test_suite(ib_iser_event_suite);
