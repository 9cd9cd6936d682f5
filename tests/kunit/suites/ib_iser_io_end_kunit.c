// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The end of an I/O, in every order: SEND completion, response, invalidation.
 * Whatever comes last gives the command back, and nothing before it does; the
 * HCA itself checks that nothing of the command is left then (fake_spy.c).
 */
#include "bed.h"

static const struct fake_hca_config no_inline = { .no_inline = true };
static const struct fake_hca_config has_inline = {};
static const struct fake_hca_config siw = { .driver = RDMA_DRIVER_SIW };

/* A session whose SENDs complete and whose commands are answered by hand. */
static struct session *io_end_session(struct kunit *test,
				      const struct fake_hca_config *cfg)
{
	struct bed *bed = bed_create(test, cfg);
	struct session *s = bed_logged_in(bed, NULL);

	bed->hca->hold_completions = true;
	bed->target->hold = true;
	return s;
}

static struct test_cmd *io_end_send(struct session *s, bool write,
				    struct fake_pdu **pdu)
{
	struct cmd_spec spec = { .len = 16384, .write = write };
	struct test_cmd *cmd = cmd_submit(s, &spec);

	*pdu = bed_next_pdu(s->bed, s->qp, ISCSI_OP_SCSI_CMD);
	if (write)
		target_fetch_write(s->bed->target, s->qp, *pdu);
	else
		target_place_read(s->bed->target, s->qp, *pdu);
	return cmd;
}

static void io_end_respond(struct session *s, const struct fake_pdu *pdu,
			   bool invalidate)
{
	struct kunit *test = s->bed->test;

	KUNIT_EXPECT_EQ(test, 0,
			target_respond_status(s->bed->target, s->qp, pdu, 0,
					      invalidate ? target_key(pdu) : 0,
					      NULL, 0));
}

static void io_end_complete(struct session *s)
{
	KUNIT_EXPECT_TRUE(s->bed->test, fake_qp_complete(s->qp, IB_WC_SUCCESS));
}

/* Each letter is a step: S the SEND completes, R a response, I a response that
 * invalidates, L the LOCAL_INV completes. After the last one, and not before,
 * the command is done. Where headers go inline nobody waits for a SEND; siw's
 * invalidation by the target proves nothing.
 */
static const struct io_end_case {
	const char	*desc;
	bool		write;
	const char	*steps;
	const struct fake_hca_config *cfg;	/* no_inline unless said */
} io_end_cases[] = {
	{ "read: SEND done, response invalidates",	false, "SI" },
	{ "read: response invalidates, SEND done",	false, "IS" },
	{ "read: SEND done, response, LOCAL_INV done",	false, "SRL" },
	{ "read: response, SEND done, LOCAL_INV done",	false, "RSL" },
	{ "write: SEND done, response invalidates",	true, "SI" },
	{ "write: response invalidates, SEND done",	true, "IS" },
	{ "write: SEND done, response, LOCAL_INV done",	true, "SRL" },
	{ "write: response, SEND done, LOCAL_INV done",	true, "RSL" },
	{ "inline read: response invalidates",		false, "I", &has_inline },
	{ "inline read: response, LOCAL_INV done",	false, "RL", &has_inline },
	{ "inline write: response invalidates",		true, "I", &has_inline },
	{ "inline write: response, LOCAL_INV done",	true, "RL", &has_inline },
	{ "siw read: SEND done, response invalidates, LOCAL_INV done", false, "SIL", &siw },
	{ "siw write: response invalidates, SEND done, LOCAL_INV done", true, "ISL", &siw },
};

KUNIT_ARRAY_PARAM_DESC(io_end, io_end_cases, desc);

static void io_end_step(struct session *s, char step, struct fake_pdu *pdu)
{
	switch (step) {
	case 'S':
	case 'L':
		io_end_complete(s);
		break;
	case 'R':
		io_end_respond(s, pdu, false);
		break;
	case 'I':
		io_end_respond(s, pdu, true);
		break;
	}
}

static void last_event_completes(struct kunit *test)
{
	const struct io_end_case *c = test->param_value;
	struct session *s = io_end_session(test, c->cfg ?: &no_inline);
	struct fake_pdu *pdu;
	struct test_cmd *cmd = io_end_send(s, c->write, &pdu);
	const char *step;

	for (step = c->steps; *step; step++) {
		bed_settle();
		KUNIT_EXPECT_FALSE_MSG(test, cmd_is_done(cmd), "before step %s",
				       step);
		io_end_step(s, *step, pdu);
	}
	bed_settle();
	KUNIT_EXPECT_TRUE(test, cmd_is_done(cmd));
	cmd_expect_good(cmd);
}

/* response | response of the next | SENDs done: two commands, out of order */
static void later_command_may_finish_first(struct kunit *test)
{
	struct session *s = io_end_session(test, &no_inline);
	struct fake_pdu *pdu1, *pdu2;
	struct test_cmd *cmd1 = io_end_send(s, false, &pdu1);
	struct test_cmd *cmd2 = io_end_send(s, true, &pdu2);

	io_end_respond(s, pdu2, true);
	io_end_complete(s);
	io_end_complete(s);
	bed_settle();
	KUNIT_EXPECT_TRUE(test, cmd_is_done(cmd2));
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd1));
	io_end_respond(s, pdu1, true);
	cmd_expect_good(cmd1);
	cmd_expect_good(cmd2);
}

/*
 * response, no SEND done | connection fails: the command waits for the flush,
 * and is good, for its response has been seen
 */
static void response_survives_failing_connection(struct kunit *test)
{
	struct session *s = io_end_session(test, &no_inline);
	struct fake_pdu *pdu;
	struct test_cmd *cmd = io_end_send(s, false, &pdu);

	io_end_respond(s, pdu, true);
	bed_settle();
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	fake_qp_set_state(s->qp, IB_QPS_ERR);
	bed_settle();
	KUNIT_EXPECT_TRUE(test, cmd_is_done(cmd));
	cmd_expect_good(cmd);
}

/* connection fails with the command outstanding: given back after the flush */
static void failed_connection_gives_command_back(struct kunit *test)
{
	struct session *s = io_end_session(test, &no_inline);
	struct fake_pdu *pdu;
	struct test_cmd *cmd = io_end_send(s, false, &pdu);

	KUNIT_EXPECT_TRUE(test, fake_qp_complete(s->qp, IB_WC_RETRY_EXC_ERR));
	bed_expect_conn_errors(s->bed, 1);
	KUNIT_EXPECT_NE(test, cmd_wait(cmd), 0);
}

/* response without invalidation | LOCAL_INV fails: the flush ends the command */
static void failed_local_inv_fails_connection(struct kunit *test)
{
	struct session *s = io_end_session(test, &no_inline);
	struct fake_pdu *pdu;
	struct test_cmd *cmd = io_end_send(s, false, &pdu);

	io_end_complete(s);
	io_end_respond(s, pdu, false);
	bed_settle();
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	KUNIT_EXPECT_TRUE(test, fake_qp_complete(s->qp, IB_WC_LOC_QP_OP_ERR));
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	bed_settle();
	KUNIT_EXPECT_TRUE(test, cmd_is_done(cmd));
	bed_expect_conn_errors(s->bed, 1);
}

/* The session goes on after iscsid has reconnected. */
static void session_recovers(struct kunit *test)
{
	struct session *s = io_end_session(test, &no_inline);
	struct fake_pdu *pdu;
	struct test_cmd *cmd = io_end_send(s, true, &pdu);

	fake_qp_set_state(s->qp, IB_QPS_ERR);
	bed_settle();
	KUNIT_EXPECT_NE(test, cmd_wait(cmd), 0);
	s->bed->hca->hold_completions = false;
	s->bed->target->hold = false;
	session_recover(s);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 8192 }));
}

static struct kunit_case ib_iser_io_end_cases[] = {
	KUNIT_CASE_PARAM(last_event_completes, io_end_gen_params),
	KUNIT_CASE(later_command_may_finish_first),
	KUNIT_CASE(response_survives_failing_connection),
	KUNIT_CASE(failed_connection_gives_command_back),
	KUNIT_CASE(failed_local_inv_fails_connection),
	KUNIT_CASE(session_recovers),
	{}
};

static struct kunit_suite ib_iser_io_end_suite = {
	.name = "ib_iser_io_end",
	.test_cases = ib_iser_io_end_cases,
};

kunit_test_suite(ib_iser_io_end_suite);
