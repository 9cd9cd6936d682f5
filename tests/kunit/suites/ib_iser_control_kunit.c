// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What is no SCSI command: login and text, whose one task libiscsi uses again as
 * soon as it sees the response; pings, logout, and the discovery session, which
 * consists of nothing else.
 */
#include <scsi/libiscsi.h>
#include <scsi/scsi_transport.h>

#include "admin.h"
#include "bed.h"

static int control_send(struct session *s, u8 opcode, itt_t itt)
{
	struct iscsi_hdr hdr = {
		.opcode = opcode | ISCSI_OP_IMMEDIATE,
		.flags = ISCSI_FLAG_CMD_FINAL,
		.itt = itt,
		.ttt = cpu_to_be32(ISCSI_RESERVED_TAG),
	};

	return iscsid_send_pdu(s->bed->iscsid, s->sid, &hdr, NULL, 0);
}

/* A PDU of the target's, with @ahs words of AHS and @len bytes of text. */
static int control_deliver(struct session *s, u8 opcode, itt_t itt, u8 ahs,
			   u32 len)
{
	u32 total = ISER_HDR_LEN + ahs * 4 + len, i;
	struct kunit *test = s->bed->test;
	u8 *msg = kunit_kzalloc(test, total, GFP_KERNEL);
	struct iscsi_hdr *bhs;

	KUNIT_ASSERT_NOT_NULL(test, msg);
	msg[0] = ISCSI_CTRL;
	bhs = (void *)(msg + sizeof(struct iser_ctrl));
	bhs->opcode = opcode;
	bhs->flags = ISCSI_FLAG_CMD_FINAL;
	bhs->hlength = ahs;
	hton24(bhs->dlength, len);
	bhs->itt = itt;
	bhs->ttt = cpu_to_be32(ISCSI_RESERVED_TAG);
	for (i = 0; i < len; i++)
		msg[ISER_HDR_LEN + ahs * 4 + i] = target_byte(len, i);
	return fake_qp_deliver(s->qp, msg, total, 0);
}

static void control_expect_pdus(struct session *s, unsigned int n, u8 opcode)
{
	struct iscsid *d = s->bed->iscsid;

	bed_settle();
	iscsid_take_events(d);
	KUNIT_EXPECT_EQ(s->bed->test, d->n_pdus, n);
	if (n)
		KUNIT_EXPECT_EQ(s->bed->test, d->pdu.opcode, opcode);
}

/* A session that has forgotten what iscsid was told so far. */
static struct session *control_session_on(struct kunit *test,
					  const struct fake_hca_config *cfg)
{
	struct session *s = bed_logged_in(bed_create(test, cfg), NULL);

	iscsid_take_events(s->bed->iscsid);
	s->bed->iscsid->n_pdus = 0;
	return s;
}

static struct session *control_session(struct kunit *test)
{
	return control_session_on(test, NULL);
}

/* Text Request, which the target keeps, and its SEND does not complete. */
static struct fake_pdu *control_text(struct session *s)
{
	struct bed *bed = s->bed;

	bed->hca->hold_completions = true;
	bed->target->hold_all = true;
	KUNIT_ASSERT_EQ(bed->test, control_send(s, ISCSI_OP_TEXT, 0), 0);
	return bed_next_pdu(bed, s->qp, ISCSI_OP_TEXT);
}

/* The target asks whether the initiator is there. */
static void control_ping(struct session *s)
{
	struct iscsi_nopin ping = {
		.opcode = ISCSI_OP_NOOP_IN,
		.flags = ISCSI_FLAG_CMD_FINAL,
		.itt = RESERVED_ITT,
		.ttt = cpu_to_be32(7),
	};

	target_send(s->bed->target, s->qp, &ping, NULL, 0, 0);
}

/* The target answers all that it has, and no command has suffered. */
static void control_catch_up(struct session *s, struct test_cmd **cmd, unsigned int n)
{
	struct fake_pdu *pdu;

	while ((pdu = fake_qp_take_pdu(s->qp))) {
		target_serve(s->bed->target, s->qp, pdu);
		kfree(pdu);
	}
	while (n--)
		cmd_expect_good(cmd[n]);
	bed_expect_conn_errors(s->bed, 0);
}

/* ping, answered | text | response | SEND of the answer done | of the text */
static void response_waits_for_its_request(struct kunit *test)
{
	struct session *s = control_session(test);
	struct bed *bed = s->bed;
	struct fake_pdu *pdu;

	bed->hca->hold_completions = true;
	control_ping(s);
	pdu = control_text(s);
	target_serve(bed->target, s->qp, pdu);
	control_expect_pdus(s, 0, 0);
	KUNIT_EXPECT_TRUE(test, fake_qp_complete(s->qp, IB_WC_SUCCESS));
	control_expect_pdus(s, 0, 0);
	KUNIT_EXPECT_TRUE(test, fake_qp_complete(s->qp, IB_WC_SUCCESS));
	control_expect_pdus(s, 1, ISCSI_OP_TEXT_RSP);
	bed->hca->hold_completions = false;
	bed->target->hold_all = false;
	KUNIT_EXPECT_EQ(test, control_send(s, ISCSI_OP_TEXT, 0), 0);
	control_expect_pdus(s, 2, ISCSI_OP_TEXT_RSP);
}

/* text | response | another one | SEND of the text done, which is too late */
static void second_response_is_not_kept(struct kunit *test)
{
	struct session *s = control_session(test);
	struct fake_pdu *pdu = control_text(s);

	target_serve(s->bed->target, s->qp, pdu);
	target_serve(s->bed->target, s->qp, pdu);
	bed_expect_conn_errors(s->bed, 1);
	KUNIT_EXPECT_EQ(test, s->bed->iscsid->n_pdus, 0);
}

/* text | response | ep_disconnect | stop: nobody wants it any more */
static void kept_response_ends_with_connection(struct kunit *test)
{
	struct session *s = control_session(test);
	struct fake_pdu *pdu = control_text(s);

	target_serve(s->bed->target, s->qp, pdu);
	session_disconnect(s);
	session_stop(s);
	control_expect_pdus(s, 0, 0);
	KUNIT_EXPECT_EQ(test, s->bed->hca->n_qp, 0);
	KUNIT_EXPECT_EQ(test, s->bed->hca->dma->live, 0);
}

/* A response whose request is still being sent, and is not the one it names. */
static const struct wrong_task_case {
	const char	*desc;
	u8		opcode;
	bool		command;	/* the tag of a SCSI command, else of text */
	u32		change;		/* of the tag */
} wrong_task_cases[] = {
	{ "Text Response to a SCSI command", ISCSI_OP_TEXT_RSP, true },
	{ "Text Response of another age", ISCSI_OP_TEXT_RSP, false,
	  5 << ISCSI_AGE_SHIFT },
	{ "Text Response beyond the last task", ISCSI_OP_TEXT_RSP, false,
	  ISCSI_ITT_MASK },
	{ "Login Response to a text request", ISCSI_OP_LOGIN_RSP },
	{ "SCSI Response to a text request", ISCSI_OP_SCSI_CMD_RSP },
};

KUNIT_ARRAY_PARAM_DESC(wrong_task, wrong_task_cases, desc);

static void response_names_the_wrong_task(struct kunit *test)
{
	const struct wrong_task_case *c = test->param_value;
	struct session *s = control_session(test);
	struct fake_pdu *text = control_text(s), *pdu = text;

	if (c->command) {
		cmd_submit(s, &(struct cmd_spec) { .len = 4096 });
		pdu = bed_next_pdu(s->bed, s->qp, ISCSI_OP_SCSI_CMD);
	}
	control_deliver(s, c->opcode, (__force itt_t)
			((__force u32)pdu_hdr(pdu)->itt | c->change), 0, 0);
	/* a Login Response is one to the task of login and text, until it is sent */
	fake_qp_complete_all(s->qp);
	bed_expect_conn_errors(s->bed, 1);
	KUNIT_EXPECT_EQ(test, s->bed->iscsid->n_pdus, 0);
}

/* The receive's own 512 bytes take 436 behind the header; the rest goes over. */
static const struct text_case {
	const char	*desc;
	u32		len;
	u8		ahs;		/* words */
	bool		refused;
	u32		recv_sges;
} text_cases[] = {
	{ "no text",				0 },
	{ "as much as fits",			436 },
	{ "one byte more",			437 },
	{ "less than what marks an area",	440 },
	{ "twice as much",			1000 },
	{ "the longest there may be",		8192 },
	{ "behind an AHS",			1000, 4 },
	{ "the longest, behind an AHS",		8192, 4 },
	{ "all of it beyond the AHS",		100, 109 },
	{ "an AHS that goes over by itself",	100, 110, true },
	{ "no second element, as much as fits",	436, 0, false, 1 },
	{ "no second element, one byte more",	437, 0, false, 1 },
	{ "no second element, the longest",	8192, 0, false, 1 },
	{ "no second element, a long AHS",	100, 110, false, 1 },
};

KUNIT_ARRAY_PARAM_DESC(text, text_cases, desc);

/* More than once, so that each area has its turn. */
static void long_text_arrives_whole(struct kunit *test)
{
	const struct text_case *c = test->param_value;
	struct session *s = control_session_on(test, &(struct fake_hca_config) {
		.max_recv_sge = c->recv_sges });
	struct iscsid *d = s->bed->iscsid;
	struct fake_pdu *pdu;
	unsigned int i, wrong;
	u32 n;

	for (n = 1; n <= 9; n++) {
		pdu = control_text(s);
		fake_qp_complete_all(s->qp);
		KUNIT_EXPECT_EQ(test, 0, control_deliver(s, ISCSI_OP_TEXT_RSP,
							 pdu_hdr(pdu)->itt,
							 c->ahs, c->len));
		if (c->refused) {
			bed_expect_conn_errors(s->bed, 1);
			return;
		}
		control_expect_pdus(s, n, ISCSI_OP_TEXT_RSP);
		KUNIT_ASSERT_EQ(test, d->pdu_data_len, c->len);
		for (i = 0, wrong = 0; i < c->len; i++)
			wrong += d->pdu_data[i] != target_byte(c->len, i);
		KUNIT_EXPECT_EQ(test, wrong, 0);
	}
	bed_expect_conn_errors(s->bed, 0);
}

/*
 * text | a long response, kept | three short PDUs | a long one, in the area of
 * the first | SEND of the text done: what is left of the response is not it
 */
static void two_long_texts_meet(struct kunit *test)
{
	struct session *s = control_session(test);
	struct fake_pdu *pdu = control_text(s);
	unsigned int i;

	control_deliver(s, ISCSI_OP_TEXT_RSP, pdu_hdr(pdu)->itt, 0, 1000);
	for (i = 0; i < 3; i++)
		control_deliver(s, ISCSI_OP_NOOP_IN, RESERVED_ITT, 0, 0);
	control_deliver(s, ISCSI_OP_ASYNC_EVENT, RESERVED_ITT, 0, 2000);
	control_expect_pdus(s, 1, ISCSI_OP_ASYNC_EVENT);
	fake_qp_complete_all(s->qp);
	bed_expect_conn_errors(s->bed, 1);
	KUNIT_EXPECT_EQ(test, s->bed->iscsid->n_pdus, 1);
}

/* PDUs that wait for nothing take what commands leave of the send queue. */
static void pings_find_room_where_commands_do_not(struct kunit *test)
{
	struct bed *bed = bed_create(test, &(struct fake_hca_config) {
		.max_qp_wr = 128, .no_inline = true });
	struct session *s = bed_logged_in(bed, NULL);
	struct test_cmd *cmd[32];	/* as many as SCSI may have out */
	unsigned int i;

	/* more than a disk's queue holds by default */
	scsi_change_queue_depth(s->sdev, ARRAY_SIZE(cmd));
	bed->hca->hold_completions = true;
	bed->target->hold_all = true;
	for (i = 0; i < ARRAY_SIZE(cmd); i++)
		cmd[i] = cmd_submit(s, &(struct cmd_spec) { .len = 4096 });
	bed_settle();
	KUNIT_EXPECT_EQ(test, s->qp->inbox_len, ARRAY_SIZE(cmd));
	/* 127 entries, less 32 for LOCAL_INVs and 64 */
	for (i = 0; i < 40; i++)
		control_ping(s);
	KUNIT_EXPECT_EQ(test, s->qp->inbox_len, ARRAY_SIZE(cmd) + 31);
	bed->hca->hold_completions = false;
	fake_qp_complete_all(s->qp);
	control_ping(s);
	KUNIT_EXPECT_EQ(test, s->qp->inbox_len, ARRAY_SIZE(cmd) + 32);
	control_catch_up(s, cmd, ARRAY_SIZE(cmd));
}

/* With no room at all a ping is not answered. libiscsi says so; nothing else happens. */
static void pings_do_without_room(struct kunit *test)
{
	struct bed *bed = bed_create(test, &(struct fake_hca_config) {
		.max_qp_wr = 128, .no_inline = true });
	struct session *s = bed_logged_in(bed, &(struct iscsid_params) {
		.no_initial_r2t = true, .first_burst = 12 * SZ_8K });
	struct test_cmd *cmd[6];	/* 12 entries of the send queue each */
	unsigned int i;

	scsi_change_queue_depth(s->sdev, 32);
	bed->hca->hold_completions = true;
	bed->target->hold_all = true;
	for (i = 0; i < ARRAY_SIZE(cmd); i++)
		cmd[i] = cmd_submit(s, &(struct cmd_spec) {
			.len = 12 * SZ_8K, .write = true });
	bed_settle();
	KUNIT_EXPECT_EQ(test, s->qp->sq_used, 6 * 12);
	for (i = 0; i < 30; i++)
		control_ping(s);
	/* less a registration, which is accounted for, of each command */
	KUNIT_EXPECT_EQ(test, s->qp->sq_used, 127 - 32 - 6);
	bed->hca->hold_completions = false;
	fake_qp_complete_all(s->qp);
	control_catch_up(s, cmd, ARRAY_SIZE(cmd));
}

/* Reject carries the header that it is about, RFC 7143 section 11.17. */
static void control_reject(struct session *s, const struct iscsi_hdr *rejected)
{
	struct iscsi_reject rsp = {
		.opcode = ISCSI_OP_REJECT,
		.flags = ISCSI_FLAG_CMD_FINAL,
		.reason = ISCSI_REASON_IMM_CMD_REJECT,
		.ffffffff = cpu_to_be32(ISCSI_RESERVED_TAG),
	};

	KUNIT_EXPECT_EQ(s->bed->test, 0,
			target_send(s->bed->target, s->qp, &rsp, rejected,
				    sizeof(*rejected), 0));
}

/* ping of iscsid's | Reject, which ends it | the same once more */
static void rejected_ping_ends_once(struct kunit *test)
{
	struct session *s = control_session(test);
	struct fake_pdu *pdu;

	s->bed->target->hold_all = true;
	KUNIT_ASSERT_EQ(test, control_send(s, ISCSI_OP_NOOP_OUT, 0), 0);
	pdu = bed_next_pdu(s->bed, s->qp, ISCSI_OP_NOOP_OUT);
	control_reject(s, pdu_hdr(pdu));
	bed_expect_conn_errors(s->bed, 0);
	control_expect_pdus(s, 1, ISCSI_OP_NOOP_OUT | ISCSI_OP_IMMEDIATE);
	control_reject(s, pdu_hdr(pdu));
	bed_expect_conn_errors(s->bed, 1);
}

/* The answer to a ping of the target's is rejected: libiscsi sends it again. */
static void rejected_answer_is_sent_again(struct kunit *test)
{
	struct session *s = control_session(test);
	struct iscsi_hdr nopout = {
		.opcode = ISCSI_OP_NOOP_OUT | ISCSI_OP_IMMEDIATE,
		.flags = ISCSI_FLAG_CMD_FINAL,
		.itt = RESERVED_ITT,
		.ttt = cpu_to_be32(7),
	};
	struct fake_pdu *pdu;

	s->bed->target->hold_all = true;
	control_reject(s, &nopout);
	pdu = bed_next_pdu(s->bed, s->qp, ISCSI_OP_NOOP_OUT);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(pdu_hdr(pdu)->ttt), 7);
	bed_expect_conn_errors(s->bed, 0);
}

/* More of the target's pings than libiscsi has tasks: each is answered. */
static void pings_are_answered_on_and_on(struct kunit *test)
{
	struct session *s = control_session(test);
	struct iscsi_nopin ping = {
		.opcode = ISCSI_OP_NOOP_IN,
		.flags = ISCSI_FLAG_CMD_FINAL,
		.itt = RESERVED_ITT,
	};
	struct fake_pdu *pdu;
	u32 i;

	s->bed->target->hold_all = true;
	for (i = 0; i < 2 * s->cmds_max; i++) {
		ping.ttt = cpu_to_be32(i);
		KUNIT_EXPECT_EQ(test, 0, target_send(s->bed->target, s->qp, &ping,
						     NULL, 0, 0));
		bed_settle();
		pdu = bed_next_pdu(s->bed, s->qp, ISCSI_OP_NOOP_OUT);
		KUNIT_EXPECT_EQ(test, be32_to_cpu(pdu_hdr(pdu)->ttt), i);
	}
	bed_expect_conn_errors(s->bed, 0);
}

/* The target hangs up: worth a line in the log, but for after a logout. */
static void target_may_hang_up_after_a_logout(struct kunit *test)
{
	struct kmsg_dump_iter iter;
	struct session *s;
	int logout;

	for (logout = 0; logout < 2; logout++) {
		s = control_session(test);
		if (logout) {
			KUNIT_EXPECT_EQ(test, 0,
					control_send(s, ISCSI_OP_LOGOUT, 0));
			control_expect_pdus(s, 1, ISCSI_OP_LOGOUT_RSP);
		}
		admin_mark_log(&iter);
		fake_cm_close(s->qp);
		bed_settle();
		KUNIT_EXPECT_EQ(test, !logout,
				admin_count_log(&iter, "connection failed"));
	}
}

/* Login, SendTargets, logout; no region is made, and no SCSI command sent. */
static void discovery_session_asks_for_targets(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, &(struct iscsid_params) {
		.discovery = true });

	session_connect(s);
	session_create(s);
	/* there is nothing yet to send it on */
	KUNIT_EXPECT_LT(test, session_try_login(s), 0);
	session_bind(s);
	session_login(s);
	KUNIT_EXPECT_EQ(test, bed->hca->n_mr, 0);
	bed->target->hold_all = true;
	s->shost->transportt->user_scan(s->shost, 0, 0, 0);
	KUNIT_EXPECT_NULL(test, scsi_device_lookup(s->shost, 0, 0, 0));
	KUNIT_EXPECT_EQ(test, s->qp->inbox_len, 0);
	bed->target->hold_all = false;
	bed->iscsid->n_pdus = 0;
	KUNIT_EXPECT_EQ(test, control_send(s, ISCSI_OP_TEXT, 0), 0);
	control_expect_pdus(s, 1, ISCSI_OP_TEXT_RSP);
	KUNIT_EXPECT_EQ(test, control_send(s, ISCSI_OP_LOGOUT, 0), 0);
	control_expect_pdus(s, 2, ISCSI_OP_LOGOUT_RSP);
	bed_expect_conn_errors(s->bed, 0);
}

/* unplugged | text, ping: refused */
static void nothing_is_sent_on_a_dead_connection(struct kunit *test)
{
	struct session *s = control_session(test);

	fake_hca_unplug(s->bed->hca);
	s->qp = NULL;
	KUNIT_EXPECT_LT(test, control_send(s, ISCSI_OP_TEXT, 0), 0);
	KUNIT_EXPECT_LT(test, control_send(s, ISCSI_OP_NOOP_OUT, 0), 0);
	control_expect_pdus(s, 0, 0);
}

static struct kunit_case ib_iser_control_cases[] = {
	KUNIT_CASE(response_waits_for_its_request),
	KUNIT_CASE(second_response_is_not_kept),
	KUNIT_CASE(kept_response_ends_with_connection),
	KUNIT_CASE_PARAM(response_names_the_wrong_task, wrong_task_gen_params),
	KUNIT_CASE_PARAM(long_text_arrives_whole, text_gen_params),
	KUNIT_CASE(two_long_texts_meet),
	KUNIT_CASE(pings_find_room_where_commands_do_not),
	KUNIT_CASE(pings_do_without_room),
	KUNIT_CASE(rejected_ping_ends_once),
	KUNIT_CASE(rejected_answer_is_sent_again),
	KUNIT_CASE(pings_are_answered_on_and_on),
	KUNIT_CASE(target_may_hang_up_after_a_logout),
	KUNIT_CASE(discovery_session_asks_for_targets),
	KUNIT_CASE(nothing_is_sent_on_a_dead_connection),
	{}
};

static struct kunit_suite ib_iser_control_suite = {
	.name = "ib_iser_control",
	.test_cases = ib_iser_control_cases,
};

kunit_test_suite(ib_iser_control_suite);
