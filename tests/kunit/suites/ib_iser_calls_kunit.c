// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A confused iscsid: handles that lead nowhere, calls out of order, values that
 * nothing has room for. Each call is refused with an errno that says why, and
 * what was there before goes on.
 */
#include <scsi/libiscsi.h>
#include <scsi/scsi_transport.h>
#include <scsi/scsi_transport_iscsi.h>

#include "bed.h"

#define CALLS_NO_HANDLE	0x7777

/* A session that is bound, and no more. */
static struct session *calls_bound(struct bed *bed)
{
	struct session *s = bed_session(bed, NULL);

	session_connect(s);
	session_create(s);
	session_bind(s);
	return s;
}

static void calls_expect_good_io(struct session *s)
{
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 16384 }));
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) {
		.len = 16384, .write = true }));
}

/* iSER has no session without a connection to make it for. */
static void session_needs_an_endpoint(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, NULL);

	KUNIT_EXPECT_EQ(test, -ENOMEM,
			iscsid_create_session(bed->iscsid, 0, 32, &s->sid,
					      &s->host_no));
}

/* Tasks of the session; 15 of them libiscsi keeps for itself. */
static const struct cmds_max_case {
	const char	*desc;
	u16		cmds_max;
	int		can_queue;	/* 0: refused */
	struct fake_hca_config cfg;
} cmds_max_cases[] = {
	{ "the default",		0,	128 - 15 },
	{ "one",			1 },
	{ "one less than there must be", 15 },
	{ "the least there must be",	16,	1 },
	{ "no power of two",		100,	64 - 15 },
	/* and no more than the send queue holds, of three entries each, beside 80 */
	{ "as many as iSER has",	512,	314 },
	{ "all the field can say",	0xffff,	314 },
	{ "more than the device has",	128,	32, { .max_qp_wr = 128 } },
};

KUNIT_ARRAY_PARAM_DESC(cmds_max, cmds_max_cases, desc);

static void session_gets_a_size_that_fits(struct kunit *test)
{
	const struct cmds_max_case *c = test->param_value;
	struct bed *bed = bed_create(test, &c->cfg);
	struct session *s = bed_session(bed, NULL);

	s->cmds_max = c->cmds_max;
	session_connect(s);
	if (!c->can_queue) {
		KUNIT_EXPECT_EQ(test, -ENOMEM,
				iscsid_create_session(bed->iscsid, s->ep,
						      c->cmds_max, &s->sid,
						      &s->host_no));
		return;
	}
	session_create(s);
	KUNIT_EXPECT_EQ(test, s->shost->can_queue, c->can_queue);
	session_bind(s);
	session_login(s);
	session_scan(s);
	calls_expect_good_io(s);
}

static void handles_that_lead_nowhere(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = calls_bound(bed);
	struct iscsid *d = bed->iscsid;

	KUNIT_EXPECT_EQ(test, iscsid_ep_poll(d, CALLS_NO_HANDLE), -EINVAL);
	KUNIT_EXPECT_EQ(test, iscsid_ep_disconnect(d, CALLS_NO_HANDLE), -EINVAL);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iscsid_bind_conn(d, s->sid, CALLS_NO_HANDLE));
	session_login(s);
	session_scan(s);
	calls_expect_good_io(s);
}

/* The class may hold an endpoint longer than its connection is there. */
static void endpoint_outlives_its_connection(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, NULL);
	struct iscsi_transport *t = (void *)(unsigned long)bed->iscsid->transport;
	char *page = (char *)__get_free_page(GFP_KERNEL);
	struct iscsi_endpoint *ep;

	KUNIT_ASSERT_NOT_NULL(test, page);
	session_connect(s);
	ep = iscsi_lookup_endpoint(s->ep);
	KUNIT_EXPECT_EQ(test, t->ep_poll(ep, 0), 1);
	KUNIT_EXPECT_EQ(test, t->get_ep_param(ep, ISCSI_PARAM_CONN_PORT, page), 5);
	KUNIT_EXPECT_STREQ(test, page, "3260\n");
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
			t->get_ep_param(ep, ISCSI_PARAM_TARGET_NAME, page));
	session_disconnect(s);
	KUNIT_EXPECT_EQ(test, t->ep_poll(ep, 0), -ENOTCONN);
	KUNIT_EXPECT_EQ(test, -ENOTCONN,
			t->get_ep_param(ep, ISCSI_PARAM_CONN_PORT, page));
	iscsi_put_endpoint(ep);
	free_page((unsigned long)page);
}

/* One connection, two sessions: the second does not get it. */
static void connection_is_bound_once(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = calls_bound(bed);
	struct session *late = bed_session(bed, NULL);

	session_connect(late);
	session_create(late);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iscsid_bind_conn(bed->iscsid, late->sid, s->ep));
	session_login(s);
	session_scan(s);
	calls_expect_good_io(s);
	session_bind(late);
	session_login(late);
}

/* Commands would go to the second connection, which nobody has prepared for them. */
static void session_has_one_connection(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct session *other = bed_session(bed, NULL);
	struct iscsi_transport *t = (void *)(unsigned long)bed->iscsid->transport;
	struct iscsi_cls_session *cls_session = starget_to_session(scsi_target(s->sdev));
	struct iscsi_cls_conn *second;

	session_connect(other);
	second = t->create_conn(cls_session, 1);
	KUNIT_ASSERT_NOT_NULL(test, second);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			t->bind_conn(cls_session, second, other->ep, 1));
	calls_expect_good_io(s);
	t->destroy_conn(second);
}

/* A discovery session turned into another has no region for a command. */
static void discovery_session_stays_one(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, &(struct iscsid_params) {
		.discovery = true });

	session_connect(s);
	session_create(s);
	session_bind(s);
	session_login(s);
	KUNIT_EXPECT_EQ(test, 0, iscsid_set_param(bed->iscsid, s->sid,
						  ISCSI_PARAM_DISCOVERY_SESS, "0"));
	s->shost->transportt->user_scan(s->shost, 0, 0, 0);
	KUNIT_EXPECT_NULL(test, scsi_device_lookup(s->shost, 0, 0, 0));
	KUNIT_EXPECT_EQ(test, s->qp->inbox_len, 0);
	bed_expect_conn_errors(bed, 0);
}

/* connected | flushed | bind, with the reason of the failure */
static void failed_connection_is_not_bound(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, NULL);

	session_connect(s);
	session_create(s);
	fake_qp_set_state(s->qp, IB_QPS_ERR);
	bed_settle();
	bed_expect_nothing_left(bed);
	KUNIT_EXPECT_EQ(test, -ECONNRESET,
			iscsid_bind_conn(bed->iscsid, s->sid, s->ep));
	KUNIT_EXPECT_EQ(test, -ECONNRESET, iscsid_ep_poll(bed->iscsid, s->ep));
}

/* START_CONN at the wrong time; there is nothing that could run commands. */
static void start_comes_too_early_or_too_late(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *early = calls_bound(bed);
	struct session *failed = calls_bound(bed);
	struct session *gone = calls_bound(bed);
	struct iscsid *d = bed->iscsid;
	int ret;

	/* nothing has been made for full feature phase */
	KUNIT_EXPECT_EQ(test, iscsid_start_conn(d, early->sid), -ESHUTDOWN);
	/* as a rule before the class has cleaned up by itself */
	fake_qp_set_state(failed->qp, IB_QPS_ERR);
	ret = iscsid_start_conn(d, failed->sid);
	KUNIT_EXPECT_TRUE(test, ret == -ECONNRESET || ret == -ENOTCONN);
	bed_settle();
	KUNIT_EXPECT_EQ(test, iscsid_start_conn(d, failed->sid), -ENOTCONN);
	session_disconnect(gone);
	KUNIT_EXPECT_EQ(test, iscsid_start_conn(d, gone->sid), -ENOTCONN);
	session_login(early);
	session_scan(early);
	calls_expect_good_io(early);
}

/* A login needs a connection, and leads no further on one that ends. */
static void login_comes_too_early_or_too_late(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, NULL);
	struct iscsid *d = bed->iscsid;

	session_connect(s);
	session_create(s);
	bed->target->hold_all = true;
	KUNIT_EXPECT_EQ(test, iscsid_login(d, s->sid, true), -ENOTCONN);
	KUNIT_EXPECT_EQ(test, s->qp->inbox_len, 0);
	bed->target->hold_all = false;
	session_bind(s);
	session_disconnect(s);
	KUNIT_EXPECT_LT(test, iscsid_login(d, s->sid, false), 0);
	KUNIT_EXPECT_EQ(test, iscsid_login(d, s->sid, true), -ESHUTDOWN);
	session_stop(s);
	session_log_in_again(s);
	session_scan(s);
	calls_expect_good_io(s);
}

/* Security stage, T to the next one, a round without T, full feature phase. */
static void login_takes_several_requests(struct kunit *test)
{
	static const u8 stages[] = {
		ISCSI_SECURITY_NEGOTIATION_STAGE << 2,
		ISCSI_FLAG_LOGIN_TRANSIT | ISCSI_SECURITY_NEGOTIATION_STAGE << 2 |
			ISCSI_OP_PARMS_NEGOTIATION_STAGE,
		ISCSI_OP_PARMS_NEGOTIATION_STAGE << 2,
	};
	struct bed *bed = bed_create(test, NULL);
	struct session *s = calls_bound(bed);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(stages); i++) {
		KUNIT_EXPECT_EQ(test, 0, iscsid_login_stage(bed->iscsid, s->sid,
							    stages[i]));
		bed_settle();
		iscsid_take_events(bed->iscsid);
		KUNIT_EXPECT_EQ(test, bed->iscsid->n_pdus, i + 1);
		KUNIT_EXPECT_EQ(test, bed->iscsid->pdu.flags, stages[i]);
	}
	session_login(s);
	session_scan(s);
	calls_expect_good_io(s);
}

/* What start_conn has made room for stays as it was negotiated. */
static void negotiated_values_do_not_change_later(struct kunit *test)
{
	static const enum iscsi_param fixed[] = {
		ISCSI_PARAM_MAX_XMIT_DLENGTH, ISCSI_PARAM_FIRST_BURST,
		ISCSI_PARAM_IMM_DATA_EN, ISCSI_PARAM_INITIAL_R2T_EN,
	};
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fixed); i++)
		KUNIT_EXPECT_EQ(test, -EBUSY,
				iscsid_set_param(bed->iscsid, s->sid, fixed[i],
						 "0"));
	KUNIT_EXPECT_EQ(test, 0, iscsid_set_param(bed->iscsid, s->sid,
						  ISCSI_PARAM_ABORT_TMO, "20"));
	calls_expect_good_io(s);
	/* for the next login they may be others */
	iscsid_ep_disconnect(bed->iscsid, s->ep);
	session_stop(s);
	session_connect(s);
	session_bind(s);
	KUNIT_EXPECT_EQ(test, 0, iscsid_set_param(bed->iscsid, s->sid,
						  ISCSI_PARAM_FIRST_BURST,
						  "4096"));
}

static void other_attributes_are_not_shown(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct iscsi_transport *t = (void *)(unsigned long)bed->iscsid->transport;

	KUNIT_EXPECT_EQ(test, 0444,
			t->attr_is_visible(ISCSI_PARAM, ISCSI_PARAM_TARGET_NAME));
	KUNIT_EXPECT_EQ(test, 0,
			t->attr_is_visible(ISCSI_PARAM, ISCSI_PARAM_CHAP_IN_IDX));
	KUNIT_EXPECT_EQ(test, 0, t->attr_is_visible(ISCSI_HOST_PARAM,
						    ISCSI_HOST_PARAM_PORT_STATE));
	KUNIT_EXPECT_EQ(test, 0, t->attr_is_visible(ISCSI_NET_PARAM,
						    ISCSI_NET_PARAM_MAC));
}

/* iSER has no digests: RFC 7145, 5.1 and 6.1 */
static void digests_are_refused(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, NULL);
	struct iscsid *d = bed->iscsid;

	session_connect(s);
	session_create(s);
	session_bind(s);
	KUNIT_EXPECT_EQ(test, 0,
			iscsid_set_param(d, s->sid, ISCSI_PARAM_HDRDGST_EN, "0"));
	KUNIT_EXPECT_EQ(test, -EPROTO,
			iscsid_set_param(d, s->sid, ISCSI_PARAM_HDRDGST_EN, "1"));
	KUNIT_EXPECT_EQ(test, -EPROTO,
			iscsid_set_param(d, s->sid, ISCSI_PARAM_DATADGST_EN, "1"));
	KUNIT_EXPECT_LT(test, iscsid_set_param(d, s->sid, ISCSI_PARAM_HDRDGST_EN,
					       "x"), 0);
}

/* ep_connect, held | create_session | bind | start */
static void nothing_goes_on_before_the_connect(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *up = bed_session(bed, NULL);
	struct session *s = bed_session(bed, NULL);
	struct iscsid *d = bed->iscsid;
	struct sockaddr_storage addr;

	session_connect(up);
	session_create(up);
	KUNIT_EXPECT_LT(test, iscsid_start_conn(d, up->sid), 0);

	bed->hca->hold_connects = true;
	fake_net_portal(&addr, bed->hca->net, false);
	KUNIT_ASSERT_EQ(test, iscsid_ep_connect(d, &addr, &s->ep), 0);
	bed_settle();
	KUNIT_EXPECT_LT(test, iscsid_create_session(d, s->ep, 32, &s->sid,
						    &s->host_no), 0);
	KUNIT_EXPECT_LT(test, iscsid_bind_conn(d, up->sid, s->ep), 0);
	KUNIT_EXPECT_EQ(test, iscsid_bind_conn(d, up->sid, up->ep), 0);
	KUNIT_EXPECT_LT(test, iscsid_bind_conn(d, up->sid, up->ep), 0);
}

static struct kunit_case ib_iser_calls_cases[] = {
	KUNIT_CASE(session_needs_an_endpoint),
	KUNIT_CASE_PARAM(session_gets_a_size_that_fits, cmds_max_gen_params),
	KUNIT_CASE(handles_that_lead_nowhere),
	KUNIT_CASE(endpoint_outlives_its_connection),
	KUNIT_CASE(connection_is_bound_once),
	KUNIT_CASE(session_has_one_connection),
	KUNIT_CASE(discovery_session_stays_one),
	KUNIT_CASE(failed_connection_is_not_bound),
	KUNIT_CASE(start_comes_too_early_or_too_late),
	KUNIT_CASE(login_comes_too_early_or_too_late),
	KUNIT_CASE(login_takes_several_requests),
	KUNIT_CASE(negotiated_values_do_not_change_later),
	KUNIT_CASE(other_attributes_are_not_shown),
	KUNIT_CASE(digests_are_refused),
	KUNIT_CASE(nothing_goes_on_before_the_connect),
	{}
};

static struct kunit_suite ib_iser_calls_suite = {
	.name = "ib_iser_calls",
	.test_cases = ib_iser_calls_cases,
};

kunit_test_suite(ib_iser_calls_suite);
