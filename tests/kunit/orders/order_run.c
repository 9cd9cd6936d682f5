// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The events of an order. What happens on the HCA happens to the newest queue
 * pair, and not at all if that is gone already; order_run_event() says so.
 *
 * An error handler is played by a reference on the task of a command in flight,
 * taken and dropped as iscsi_eh_abort() does it: the SCSI midlayer's thread
 * would drop it when it is scheduled, and no test could say when that is.
 */
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_transport_iscsi.h>

#include "order_run.h"

static void order_run_unplug_work(struct work_struct *work)
{
	struct order_run *b = container_of(work, struct order_run,
					     unplug_work);

	fake_hca_unplug(b->bed->hca);
	complete_all(&b->unplugged);
}

void order_run_init(struct order_run *b, struct kunit *test, bool roce)
{
	b->test = test;
	b->bed = bed_create(test, &(struct fake_hca_config) { .roce = roce });
	b->s = bed_session(b->bed, NULL);
	b->s->cmds_max = 32;
	INIT_WORK(&b->unplug_work, order_run_unplug_work);
	init_completion(&b->unplugged);
}

static void order_run_hold(struct order_run *b, bool hold)
{
	b->bed->hca->hold_completions = hold;
	b->bed->hca->hold_connects = hold;
	b->bed->target->hold = hold;
	b->bed->target->hold_all = hold;
}

/* The connection has come up; create what a session lacks, and bind. */
static void order_run_bind(struct order_run *b)
{
	if (!b->s->has_session)
		session_create(b->s);
	session_bind(b->s);
	b->bound = true;
}

/* From nothing to full feature phase. */
void order_run_login(struct order_run *b)
{
	order_run_hold(b, false);
	session_connect(b->s);
	order_run_bind(b);
	session_login(b->s);
	if (!b->s->sdev)
		session_scan(b->s);
	b->logged_in = true;
}

static void order_run_connect_only(struct order_run *b)
{
	struct bed *bed = b->bed;
	struct sockaddr_storage addr;

	bed->hca->hold_connects = true;
	fake_net_portal(&addr, bed->hca->net, false);
	KUNIT_ASSERT_EQ(b->test, 0,
			iscsid_ep_connect(bed->iscsid, &addr, &b->s->ep));
	bed_settle();
	KUNIT_ASSERT_EQ(b->test, iscsid_ep_poll(bed->iscsid, b->s->ep), 0);
}

static void order_run_submit(struct order_run *b, bool held)
{
	static const struct cmd_spec write = { .len = 12288, .write = true };
	struct scsi_cmnd *sc;

	order_run_hold(b, true);
	b->cmd[0] = cmd_submit(b->s, &(struct cmd_spec) { .len = 4096 });
	b->cmd[1] = cmd_submit(b->s, &write);
	if (!held)
		return;
	sc = blk_mq_rq_to_pdu(b->cmd[0]->rq);
	b->held = iscsi_cmd(sc)->task;
	KUNIT_ASSERT_NOT_NULL(b->test, b->held);
	KUNIT_ASSERT_TRUE(b->test, iscsi_get_task(b->held));
}

/* To where the order begins; the connection of the last one may be up. */
void order_run_set_up(struct order_run *b, const struct order *o)
{
	b->removed = false;
	b->ended = false;
	reinit_completion(&b->unplugged);
	if (o->state >= ORDER_FULL) {
		if (!b->logged_in)
			order_run_login(b);
		if (o->state == ORDER_BUSY)
			order_run_submit(b, order_has(o, EV_LATE_PUT));
		b->logged_in = false;
		return;
	}
	order_run_give_up(b);
	order_run_hold(b, false);
	if (o->state == ORDER_CONNECTING) {
		order_run_connect_only(b);
		return;
	}
	session_connect(b->s);
	if (o->state == ORDER_UP)
		return;
	order_run_bind(b);
	if (o->state == ORDER_BOUND)
		return;
	order_run_hold(b, true);
	KUNIT_ASSERT_EQ(b->test, 0,
			iscsid_login(b->bed->iscsid, b->s->sid, true));
}

void order_run_late_put(struct order_run *b)
{
	if (b->held)
		iscsi_put_task(b->held);
	b->held = NULL;
}

static int order_run_stop(struct order_run *b)
{
	b->bound = false;
	return iscsid_stop_conn(b->bed->iscsid, b->s->sid, STOP_CONN_RECOVER);
}

/* What iscsid does about a connection that has failed, if it has not yet. */
void order_run_give_up(struct order_run *b)
{
	if (b->s->ep)
		iscsid_ep_disconnect(b->bed->iscsid, b->s->ep);
	b->s->ep = 0;
	if (b->bound)
		KUNIT_EXPECT_EQ(b->test, 0, order_run_stop(b));
	b->logged_in = false;
}

static void order_run_unreachable(const struct order *o, struct fake_qp *qp)
{
	if (o->roce)
		fake_cm_unreachable(qp);
	else
		fake_cm_reply(qp, -ETIMEDOUT, NULL, 0);
}

/* False if there is nothing that it could happen to. */
static bool order_run_hca_event(struct order_run *b, const struct order *o,
				enum order_event event)
{
	struct list_head *qps = &b->bed->hca->qps;
	struct fake_qp *qp;

	if (event == EV_PORT_ERR) {
		fake_hca_port_event(b->bed->hca, IB_EVENT_PORT_ERR);
		return true;
	}
	if (list_empty(qps))
		return false;
	qp = list_last_entry(qps, struct fake_qp, node);
	switch (event) {
	case EV_DISCONNECTED:
		if (qp->cm_state != FAKE_CM_UP)
			return false;
		fake_cm_close(qp);
		return true;
	case EV_UNREACHABLE:
		order_run_unreachable(o, qp);
		return true;
	case EV_ADDR_CHANGE:
		fake_cm_addr_change(qp);
		return true;
	case EV_WC_ERROR:
		return fake_qp_complete(qp, IB_WC_RETRY_EXC_ERR) ||
		       fake_qp_fail_recv(qp, IB_WC_REM_OP_ERR);
	default:
		fake_qp_event(qp, IB_EVENT_QP_FATAL);
		return true;
	}
}

/* From now on libiscsi hears nothing of the connection. */
static void order_run_ended(struct order_run *b)
{
	iscsid_take_events(b->bed->iscsid);
	if (!b->ended)
		b->errors = b->bed->iscsid->n_conn_errors;
	b->ended = true;
}

/* Nor has it. */
void order_run_expect_silence(struct order_run *b)
{
	iscsid_take_events(b->bed->iscsid);
	if (b->ended)
		KUNIT_EXPECT_EQ(b->test, b->bed->iscsid->n_conn_errors,
				b->errors);
	b->ended = false;
}

/* Returns false if the event came too late for what it is about. */
bool order_run_event(struct order_run *b, const struct order *o,
		     enum order_event event)
{
	switch (event) {
	case EV_EP_DISCONNECT:
		iscsid_ep_disconnect(b->bed->iscsid, b->s->ep);
		b->s->ep = 0;
		order_run_ended(b);
		return true;
	case EV_STOP:
		if (order_run_stop(b))
			return false;
		order_run_ended(b);
		return true;
	case EV_LATE_PUT:
		/* Whoever holds the task, the HCA's part of it ended with the stop. */
		if (!o->at_once && !b->bed->hca->n_qp)
			KUNIT_EXPECT_EQ(b->test, b->bed->hca->dma->live, 0);
		order_run_late_put(b);
		return true;
	case EV_REMOVAL:
		b->removed = true;
		schedule_work(&b->unplug_work);
		return true;
	case EV_RELOGIN:
		order_run_give_up(b);
		order_run_expect_silence(b);
		/* a port error of before is none of the new connection's */
		flush_workqueue(ib_wq);
		/* nor are the GIDs that go and come again with an address */
		if (order_has(o, EV_ADDR_CHANGE))
			bed_settle();
		order_run_login(b);
		b->logged_in = false;
		return true;
	default:
		return order_run_hca_event(b, o, event);
	}
}

/* A device that is unplugged goes without iscsid, peer or SCSI. */
bool order_run_wait_removal(struct order_run *b)
{
	return !b->removed || wait_for_completion_timeout(&b->unplugged, HZ);
}

static int order_run_is_conn(struct device *dev, const void *data)
{
	return !strncmp(dev_name(dev), "connection", strlen("connection"));
}

static int order_run_is_session(struct device *dev, const void *data)
{
	return iscsi_is_session_dev(dev);
}

/* References on libiscsi's connection, of which each of ours holds one; or 0. */
unsigned int order_run_conn_refs(struct order_run *b)
{
	struct device *session, *conn;
	unsigned int refs;

	if (!b->s->has_session)
		return 0;
	session = device_find_child(&b->s->shost->shost_gendev, NULL,
				    order_run_is_session);
	KUNIT_ASSERT_NOT_NULL(b->test, session);
	conn = device_find_child(session, NULL, order_run_is_conn);
	put_device(session);
	KUNIT_ASSERT_NOT_NULL(b->test, conn);
	refs = kref_read(&conn->kobj.kref) - 1;
	put_device(conn);
	return refs;
}

/* The same of a session without a connection, which is made for it. */
unsigned int order_run_idle_conn_refs(struct order_run *b)
{
	order_run_login(b);
	order_run_give_up(b);
	bed_settle();
	return order_run_conn_refs(b);
}

/* Tasks that an error handler holds have nothing on the device either. */
void order_run_expect_nothing_left(struct order_run *b)
{
	bed_expect_nothing_left(b->bed);
	KUNIT_EXPECT_EQ(b->test, b->bed->hca->n_complaints, 0);
}

void order_run_expect_commands_done(struct order_run *b)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(b->cmd) && b->cmd[i]; i++) {
		KUNIT_EXPECT_NE(b->test, cmd_wait(b->cmd[i]), -ETIMEDOUT);
		cmd_forget(b->cmd[i]);
		b->cmd[i] = NULL;
	}
}

void order_run_recover(struct order_run *b)
{
	struct test_cmd *cmd;

	if (b->removed)
		bed_replug(b->bed);
	order_run_login(b);
	cmd = cmd_submit(b->s, &(struct cmd_spec) { .len = 4096 });
	cmd_expect_good(cmd);
	cmd_forget(cmd);
}
