// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Connections over the kernel's ib_cm: how they come up and how they end, with
 * a far end that refuses, is silent, repeats itself or goes away. Whatever it
 * does, this side owns nothing any more when iscsid has disconnected and
 * stopped; only the CM may go on with its timewait.
 */
#include "admin.h"
#include "bed.h"

static struct bed *roce_bed(struct kunit *test)
{
	return bed_create(test, &(struct fake_hca_config) { .roce = true });
}

static unsigned int roce_sent(struct bed *bed, __be16 attr_id)
{
	return bed->hca->n_mads[fake_mad_index(attr_id)];
}

/* A session whose REQ has been sent, and not answered. */
static struct session *roce_connecting(struct bed *bed)
{
	struct session *s = bed_session(bed, NULL);
	struct kunit *test = bed->test;
	struct sockaddr_storage addr;

	bed->hca->hold_connects = true;
	fake_net_portal(&addr, bed->hca->net, bed->hca->cfg.ipv6);
	KUNIT_ASSERT_EQ(test, iscsid_ep_connect(bed->iscsid, &addr, &s->ep), 0);
	bed_settle();
	KUNIT_ASSERT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), 0);
	KUNIT_ASSERT_FALSE(test, list_empty(&bed->hca->qps));
	s->qp = list_last_entry(&bed->hca->qps, struct fake_qp, node);
	KUNIT_ASSERT_EQ(test, s->qp->cm_state, FAKE_CM_CONNECTING);
	return s;
}

static void roce_disconnect(struct session *s)
{
	session_disconnect(s);
}

static void roce_expect_good_io(struct session *s)
{
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 16384 }));
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 16384, .write = true }));
}

/*
 * REQ | REP | RTU | login, I/O, logout | DREQ | DREP
 *
 * The service ID is RDMA_PS_TCP with port 3260, and rdma_cm's part of the private
 * data comes before ours.
 */
static void session_lives_and_says_goodbye(struct kunit *test)
{
	static const u8 private_data[4] = { 0x80 };
	struct bed *bed = roce_bed(test);
	struct session *s = bed_session(bed, NULL);
	struct iscsi_hdr logout = {
		.opcode = ISCSI_OP_LOGOUT | ISCSI_OP_IMMEDIATE,
		.flags = ISCSI_FLAG_CMD_FINAL,
	};

	session_connect(s);
	KUNIT_EXPECT_EQ(test, s->qp->service_id, 0x01060cbc);
	KUNIT_EXPECT_MEMEQ(test, s->qp->cm_data, private_data,
			   sizeof(private_data));
	KUNIT_EXPECT_GE(test, s->qp->cm_param.ird, 1);
	KUNIT_EXPECT_EQ(test, s->qp->state, IB_QPS_RTS);
	KUNIT_EXPECT_EQ(test, s->qp->dest_qpn, 0x00400000 | s->qp->ib.qp_num);
	KUNIT_EXPECT_EQ(test, roce_sent(bed, CM_REQ_ATTR_ID), 1);
	KUNIT_EXPECT_EQ(test, roce_sent(bed, CM_RTU_ATTR_ID), 1);
	session_create(s);
	session_bind(s);
	session_login(s);
	session_scan(s);
	roce_expect_good_io(s);

	bed->iscsid->n_pdus = 0;
	KUNIT_EXPECT_EQ(test, iscsid_send_pdu(bed->iscsid, s->sid, &logout,
					      NULL, 0), 0);
	bed_expect_conn_errors(bed, 0);
	KUNIT_EXPECT_EQ(test, bed->iscsid->n_pdus, 1);
	KUNIT_EXPECT_EQ(test, bed->iscsid->pdu.opcode, ISCSI_OP_LOGOUT_RSP);
	roce_disconnect(s);
	bed_settle();
	/* It waits for the stop, flushed and without a way to the far end. */
	KUNIT_ASSERT_FALSE(test, list_empty(&bed->hca->qps));
	KUNIT_EXPECT_EQ(test, IB_QPS_ERR,
			list_first_entry(&bed->hca->qps, struct fake_qp,
					 node)->state);
	KUNIT_EXPECT_EQ(test, roce_sent(bed, CM_DREQ_ATTR_ID), 1);
	session_close(s);
	bed_expect_nothing_left(bed);
}

/* What ack_timeout promises; rdma_rxe takes seven retries for "for ever". */
static void silence_is_borne_as_long_as_was_asked_for(struct kunit *test)
{
	struct bed *bed = roce_bed(test);
	struct session *s = bed_session(bed, NULL);

	KUNIT_ASSERT_EQ(test, ulp_set_param(test, "ack_timeout", "14"), 0);
	session_connect(s);
	KUNIT_EXPECT_EQ(test, s->qp->timeout, 14);
	KUNIT_EXPECT_EQ(test, s->qp->retry_cnt, 6);
}

static const struct roce_reject_case {
	const char		*desc;
	enum ib_cm_rej_reason	reason;
	const char		*log;
} roce_reject_cases[] = {
	{ "stale connection",		IB_CM_REJ_STALE_CONN,
	  "stale conn" },
	{ "nobody listens there",	IB_CM_REJ_INVALID_SERVICE_ID,
	  "nothing listens on this port over RDMA (-111)" },
	{ "the target refuses",		IB_CM_REJ_CONSUMER_DEFINED,
	  "no iSER portal there, or the target takes no more connections (-111)" },
	{ "no resources",		IB_CM_REJ_NO_RESOURCES,
	  "no resources" },
	{ "a reason nobody knows",	0xeeee, "(-111)" },
};

KUNIT_ARRAY_PARAM_DESC(roce_reject, roce_reject_cases, desc);

/* REQ | REJ | ep_poll, twice | ep_disconnect; the next attempt is a new one */
static void rejected_connect_leaves_nothing(struct kunit *test)
{
	const struct roce_reject_case *c = test->param_value;
	struct bed *bed = roce_bed(test);
	struct session *s = roce_connecting(bed);
	struct kmsg_dump_iter iter;

	admin_mark_log(&iter);
	fake_roce_reject(s->qp, c->reason);
	bed_settle();
	KUNIT_EXPECT_EQ(test, 1, admin_count_log(&iter, c->log));
	KUNIT_EXPECT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), -ECONNREFUSED);
	KUNIT_EXPECT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), -ECONNREFUSED);
	roce_disconnect(s);
	bed_settle();
	bed_expect_nothing_left(bed);
	bed->hca->hold_connects = false;
	session_connect(s);
}

/* The CM's patience: 16 times 4.096 s (CMA_CM_RESPONSE_TIMEOUT). */
static void silent_peer_is_unreachable(struct kunit *test)
{
	struct bed *bed = roce_bed(test);
	struct session *s = roce_connecting(bed);
	unsigned long start = jiffies;
	int ret = 0;

	while (!ret && time_before(jiffies, start + 200 * HZ)) {
		msleep(1000);
		ret = iscsid_ep_poll(bed->iscsid, s->ep);
	}
	KUNIT_EXPECT_EQ(test, ret, -ETIMEDOUT);
	KUNIT_EXPECT_LE(test, jiffies - start, 75 * HZ);
	KUNIT_EXPECT_EQ(test, roce_sent(bed, CM_REQ_ATTR_ID), 16);
	roce_disconnect(s);
	bed_settle();
	bed_expect_nothing_left(bed);
}

/* REQ | ep_disconnect; the CM tells the far end, and waits for nobody */
static void disconnect_while_connecting_does_not_block(struct kunit *test)
{
	struct bed *bed = roce_bed(test);
	struct session *s = roce_connecting(bed);
	unsigned long start = jiffies;

	roce_disconnect(s);
	KUNIT_EXPECT_LE(test, jiffies - start, HZ / 10);
	bed_settle();
	bed_expect_nothing_left(bed);
	KUNIT_EXPECT_EQ(test, roce_sent(bed, CM_REJ_ATTR_ID), 1);
}

/* REQ | ep_disconnect | REP, before the id is gone */
static void accept_comes_too_late(struct kunit *test)
{
	struct bed *bed = roce_bed(test);
	struct session *s = roce_connecting(bed);
	struct fake_qp *qp = fake_qp_find(bed->hca, s->qp->ib.qp_num);

	KUNIT_ASSERT_PTR_EQ(test, qp, s->qp);
	roce_disconnect(s);
	bed_settle();
	fake_cm_reply(qp, 0, NULL, 0);
	bed_settle();
	fake_qp_put(qp);
	bed_settle();
	bed_expect_nothing_left(bed);
}

/* REQ | the own address goes | REP: nothing will ever come here */
static void address_that_went_while_connecting_is_missed(struct kunit *test)
{
	struct bed *bed = roce_bed(test);
	struct session *s = roce_connecting(bed);

	KUNIT_ASSERT_EQ(test, 0, fake_net_set_ipv4(bed->hca->netdev, bed->hca->net,
						   false, 0));
	bed_settle();
	fake_cm_reply(s->qp, 0, NULL, 0);
	bed_settle();
	KUNIT_EXPECT_LT(test, iscsid_ep_poll(bed->iscsid, s->ep), 0);
	KUNIT_ASSERT_EQ(test, 0, fake_net_set_ipv4(bed->hca->netdev, bed->hca->net,
						   false, 1));
	roce_disconnect(s);
	bed_settle();
	bed_expect_nothing_left(bed);
}

/* REP | the device refuses RTR, or RTS: the far end is told, and iscsid */
static void queue_pair_that_does_not_come_up(struct kunit *test)
{
	struct bed *bed = roce_bed(test);
	struct fake_hca *hca = bed->hca;
	struct session *s;
	int n;

	for (n = 1; n <= 3; n++) {	/* INIT, RTR, RTS */
		s = roce_connecting(bed);
		hca->fail_verb[FAKE_MODIFY_QP] =
			atomic_read(&hca->verb_calls[FAKE_MODIFY_QP]) + n;
		fake_cm_reply(s->qp, 0, NULL, 0);
		bed_settle();
		KUNIT_EXPECT_EQ_MSG(test, -EIO,
				    iscsid_ep_poll(bed->iscsid, s->ep),
				    "step %d", n);
		KUNIT_EXPECT_EQ(test, roce_sent(bed, CM_REJ_ATTR_ID), n);
		roce_disconnect(s);
		bed_settle();
		bed_expect_nothing_left(bed);
	}
}

/* REP | RTU, which is lost | REP | RTU: nobody notices */
static void lost_rtu_is_sent_again(struct kunit *test)
{
	struct bed *bed = roce_bed(test);
	struct session *s = bed_logged_in(bed, NULL);

	fake_roce_repeat_rep(s->qp);
	bed_expect_conn_errors(bed, 0);
	KUNIT_EXPECT_EQ(test, roce_sent(bed, CM_RTU_ATTR_ID), 2);
	roce_expect_good_io(s);
}

/* DREQ of each side, at once: the QP of ours is destroyed after theirs came. */
static void both_ends_disconnect_at_once(struct kunit *test)
{
	struct bed *bed = roce_bed(test);
	struct session *s = bed_logged_in(bed, NULL);
	struct fake_qp *qp = fake_qp_find(bed->hca, s->qp->ib.qp_num);

	KUNIT_ASSERT_PTR_EQ(test, qp, s->qp);
	bed->hca->hold_close = true;
	roce_disconnect(s);
	bed_settle();
	KUNIT_EXPECT_EQ(test, qp->cm_state, FAKE_CM_CLOSING);
	qp->cm_state = FAKE_CM_UP;
	fake_cm_disconnect(qp);
	bed_settle();
	session_stop(s);
	fake_qp_put(qp);
	bed_settle();
	bed_expect_nothing_left(bed);
}

/*
 * DREQ of ours | no DREP, ever | ep_disconnect and stop return at once, and all
 * is free within a second; the next connection does not mind the CM's books.
 */
static void silent_peer_costs_nothing(struct kunit *test)
{
	struct bed *bed = roce_bed(test);
	struct session *s = bed_logged_in(bed, NULL);
	unsigned long start = jiffies;

	bed->hca->hold_close = true;
	roce_disconnect(s);
	session_stop(s);
	bed_settle();
	KUNIT_EXPECT_EQ(test, roce_sent(bed, CM_DREQ_ATTR_ID), 1);
	bed_expect_nothing_left(bed);
	KUNIT_EXPECT_LE(test, jiffies - start, HZ);
	session_log_in_again(s);
	roce_expect_good_io(s);
}

/*
 * DREQ of ours | no DREP | iscsid is slow: the CM gives up (DISCONNECTED with
 * -ETIMEDOUT) and ends its timewait (TIMEWAIT_EXIT) | stop
 */
static void slow_iscsid_hears_nothing_of_the_cm(struct kunit *test)
{
	struct bed *bed = roce_bed(test);
	struct session *s = bed_logged_in(bed, NULL);

	bed->hca->hold_close = true;
	roce_disconnect(s);
	msleep(100000);
	bed_expect_conn_errors(bed, 0);
	KUNIT_EXPECT_EQ(test, roce_sent(bed, CM_DREQ_ATTR_ID), 16);
	session_stop(s);
	bed_settle();
	bed_expect_nothing_left(bed);
}

/* DREQ of theirs | iscsid is told | DREP, and no DREQ of ours */
static void dreq_of_the_peer_is_answered(struct kunit *test)
{
	struct bed *bed = roce_bed(test);
	struct session *s = bed_logged_in(bed, NULL);

	fake_cm_disconnect(s->qp);
	bed_expect_conn_errors(bed, 1);
	session_recover(s);
	KUNIT_EXPECT_EQ(test, roce_sent(bed, CM_DREP_ATTR_ID), 1);
	KUNIT_EXPECT_EQ(test, roce_sent(bed, CM_DREQ_ATTR_ID), 0);
	roce_expect_good_io(s);
}

/* DREQ of ours | DREP | TIMEWAIT_EXIT, a second later | stop */
static void timewait_ends_before_stop(struct kunit *test)
{
	struct bed *bed = roce_bed(test);
	struct session *s = bed_logged_in(bed, NULL);

	roce_disconnect(s);
	msleep(5000);
	KUNIT_EXPECT_EQ(test, roce_sent(bed, CM_DREQ_ATTR_ID), 1);
	bed_expect_conn_errors(bed, 0);
	session_stop(s);
	bed_settle();
	bed_expect_nothing_left(bed);
	session_log_in_again(s);
	roce_expect_good_io(s);
}

static struct kunit_case ib_iser_roce_cases[] = {
	KUNIT_CASE(session_lives_and_says_goodbye),
	KUNIT_CASE(silence_is_borne_as_long_as_was_asked_for),
	KUNIT_CASE_PARAM(rejected_connect_leaves_nothing, roce_reject_gen_params),
	KUNIT_CASE(silent_peer_is_unreachable),
	KUNIT_CASE(disconnect_while_connecting_does_not_block),
	KUNIT_CASE(accept_comes_too_late),
	KUNIT_CASE(address_that_went_while_connecting_is_missed),
	KUNIT_CASE(queue_pair_that_does_not_come_up),
	KUNIT_CASE(lost_rtu_is_sent_again),
	KUNIT_CASE(both_ends_disconnect_at_once),
	KUNIT_CASE(silent_peer_costs_nothing),
	KUNIT_CASE(slow_iscsid_hears_nothing_of_the_cm),
	KUNIT_CASE(dreq_of_the_peer_is_answered),
	KUNIT_CASE(timewait_ends_before_stop),
	{}
};

static struct kunit_suite ib_iser_roce_suite = {
	.name = "ib_iser_roce",
	.test_cases = ib_iser_roce_cases,
};

kunit_test_suite(ib_iser_roce_suite);
