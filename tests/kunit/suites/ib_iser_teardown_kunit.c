// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Ends of a connection that no enumeration makes: where somebody who should act
 * never does, or does so when all the others are long gone. The orders of what
 * does happen are in ib_iser_teardown_orders_kunit.c.
 */
#include <linux/delay.h>
#include <scsi/libiscsi.h>

#include "order_run.h"

static struct order_run *teardown_run(struct kunit *test,
				      enum order_state state,
				      enum order_event event)
{
	struct order_run *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, b);
	order_run_init(b, test, false);
	order_run_set_up(b, &(struct order) {
		.state = state,
		.n = 1,
		.event = { event },
	});
	return b;
}

static void teardown_expect_io(struct order_run *b)
{
	order_run_login(b);
	cmd_expect_good(cmd_submit(b->s, &(struct cmd_spec) { .len = 4096 }));
}

/* closed | iscsid is dead: the class takes down, and gives the commands back */
static void dead_iscsid_leaves_nothing(struct kunit *test)
{
	struct order_run *b = teardown_run(test, ORDER_BUSY,
					       EV_DISCONNECTED);

	fake_cm_close(b->s->qp);
	bed_settle();
	bed_expect_nothing_left(b->bed);
	KUNIT_EXPECT_NE(test, cmd_wait(b->cmd[0]), -ETIMEDOUT);
	KUNIT_EXPECT_NE(test, cmd_wait(b->cmd[1]), -ETIMEDOUT);
	order_run_give_up(b);
	teardown_expect_io(b);
}

/* unplugged | iscsid is dead and the peer silent: the removal returns at once */
static void removal_on_iwarp_waits_for_nobody(struct kunit *test)
{
	struct order_run *b = teardown_run(test, ORDER_BUSY, EV_REMOVAL);
	unsigned long start = jiffies;

	b->bed->hca->hold_close = true;
	fake_hca_unplug(b->bed->hca);
	KUNIT_EXPECT_LE(test, jiffies_to_msecs(jiffies - start), 100);
	bed_expect_nothing_left(b->bed);
}

/* ep_disconnect | destroy_conn: the class does not insist on a stop */
static void conn_is_destroyed_without_stop(struct kunit *test)
{
	struct order_run *b = teardown_run(test, ORDER_FULL,
					       EV_EP_DISCONNECT);
	struct session *s = b->s;

	iscsid_ep_disconnect(b->bed->iscsid, s->ep);
	s->ep = 0;
	KUNIT_EXPECT_EQ(test, 0, iscsid_destroy_conn(b->bed->iscsid, s->sid));
	s->has_conn = false;
	b->bound = false;
	bed_settle();
	bed_expect_nothing_left(b->bed);
}

/* bind | destroy_conn without a stop: the class does not insist on one */
static void conn_is_destroyed_in_login_without_stop(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, NULL);

	session_connect(s);
	session_create(s);
	session_bind(s);
	KUNIT_EXPECT_EQ(test, iscsid_destroy_conn(bed->iscsid, s->sid), 0);
	s->has_conn = false;
	session_close(s);
	KUNIT_EXPECT_EQ(test, bed->hca->n_qp, 0);
	KUNIT_EXPECT_EQ(test, bed->hca->dma->live, 0);
}

/* ep_disconnect, stop, destroy_conn | the release, which takes a second */
static void iscsi_conn_outlives_the_release(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct iscsi_session *session =
		starget_to_session(scsi_target(s->sdev))->dd_data;
	struct device *dev = get_device(&session->leadconn->cls_conn->dev);

	bed->hca->slow_release = 1000;
	session_disconnect(s);
	KUNIT_EXPECT_EQ(test, 0, iscsid_stop_conn(bed->iscsid, s->sid,
						  STOP_CONN_TERM));
	KUNIT_EXPECT_EQ(test, iscsid_destroy_conn(bed->iscsid, s->sid), 0);
	s->has_conn = false;
	bed_settle();
	KUNIT_EXPECT_GE(test, kref_read(&dev->kobj.kref), 2);
	msleep(2000);
	KUNIT_EXPECT_EQ(test, kref_read(&dev->kobj.kref), 1);
	put_device(dev);
}

/* unplugged, and its memory freed | another device, a login, I/O | late put */
static void late_put_outlives_device(struct kunit *test)
{
	struct order_run *b = teardown_run(test, ORDER_BUSY,
					       EV_LATE_PUT);

	fake_hca_unplug(b->bed->hca);
	order_run_give_up(b);
	bed_settle();
	bed_expect_nothing_left(b->bed);
	bed_replug(b->bed);
	teardown_expect_io(b);
	KUNIT_EXPECT_FALSE(test, cmd_is_done(b->cmd[0]));
	order_run_late_put(b);
	KUNIT_EXPECT_NE(test, cmd_wait(b->cmd[0]), -ETIMEDOUT);
	cmd_expect_good(cmd_submit(b->s, &(struct cmd_spec) { .len = 4096 }));
}

static struct kunit_case ib_iser_teardown_cases[] = {
	KUNIT_CASE(dead_iscsid_leaves_nothing),
	KUNIT_CASE(removal_on_iwarp_waits_for_nobody),
	KUNIT_CASE(conn_is_destroyed_without_stop),
	KUNIT_CASE(conn_is_destroyed_in_login_without_stop),
	KUNIT_CASE(iscsi_conn_outlives_the_release),
	KUNIT_CASE(late_put_outlives_device),
	{}
};

static struct kunit_suite ib_iser_teardown_suite = {
	.name = "ib_iser_teardown",
	.test_cases = ib_iser_teardown_cases,
};

kunit_test_suite(ib_iser_teardown_suite);
