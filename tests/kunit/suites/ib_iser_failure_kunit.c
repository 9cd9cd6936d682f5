// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Every verb fails once, one run for each: from EP_CONNECT to the last command
 * the HCA counts the calls, and in the nth run the nth of them fails. Whatever
 * it costs, a connect, a login, a retry, nothing may be left behind, and once
 * the session is up a command may fail only with its connection.
 */
#include <scsi/scsi.h>

#include "admin.h"
#include "bed.h"

/* Runs a whole session; stops at the first step that is refused. */
static void failure_run(struct kunit *test, struct session *s)
{
	static const struct cmd_spec write = { .len = 20480, .write = true };
	struct bed *bed = s->bed;
	struct iscsid *d = bed->iscsid;
	struct test_cmd *cmd[2];
	unsigned int i;

	if (session_try_connect(s) || session_try_bind(s) ||
	    session_try_login(s) || session_try_scan(s))
		return;
	cmd[0] = cmd_submit(s, &(struct cmd_spec) { .len = 20480 });
	cmd[1] = cmd_submit(s, &write);
	for (i = 0; i < ARRAY_SIZE(cmd); i++) {
		KUNIT_EXPECT_NE(test, cmd_wait(cmd[i]), -ETIMEDOUT);
		iscsid_take_events(d);
		if (!d->n_conn_errors)
			cmd_expect_good(cmd[i]);
	}
}

/* Returns whether there were @n calls. */
static bool failure_of_call(struct kunit *test, struct bed *bed, int n)
{
	struct session *s = bed_session(bed, &(struct iscsid_params) {
		.no_initial_r2t = true,
		.first_burst = 16384,
	});

	s->cmds_max = 32;
	atomic_set(&bed->hca->calls, 0);
	bed->hca->fail_call = n;
	bed->iscsid->n_conn_errors = 0;
	failure_run(test, s);
	bed->hca->fail_call = 0;
	session_close(s);
	bed_expect_nothing_left_after(bed, "call", n);
	return atomic_read(&bed->hca->calls) >= n;
}

static const struct every_verb_case {
	const char		*desc;
	struct fake_hca_config	cfg;
} every_verb_cases[] = {
	{ "iWARP" },
	{ "RoCE", { .roce = true } },
};

KUNIT_ARRAY_PARAM_DESC(every_verb, every_verb_cases, desc);

static void every_verb_may_fail(struct kunit *test)
{
	const struct every_verb_case *c = test->param_value;
	struct bed *bed = bed_create(test, &c->cfg);
	int n = 1;

	bed->target->no_remote_inv = true;
	while (failure_of_call(test, bed, n))
		n++;
	kunit_info(test, "%d calls, each failed once", n - 1);
	KUNIT_EXPECT_GT(test, n, 50);
}

/* The verbs of the I/O path: the I/O is tried again, the session stays. */
static const struct failure_case {
	const char		*desc;
	enum fake_verb		verb;
	bool			write;
} failure_cases[] = {
	{ "read, DMA mapping fails",	FAKE_DMA_MAP,	false },
	{ "write, DMA mapping fails",	FAKE_DMA_MAP,	true },
	{ "read, MR mapping fails",	FAKE_MAP_MR,	false },
	{ "write, MR mapping fails",	FAKE_MAP_MR,	true },
	{ "read, post fails",		FAKE_POST_SEND,	false },
	{ "write, post fails",		FAKE_POST_SEND,	true },
};

KUNIT_ARRAY_PARAM_DESC(failure, failure_cases, desc);

static void io_path_retries(struct kunit *test)
{
	const struct failure_case *c = test->param_value;
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct cmd_spec spec = { .len = 20480, .write = c->write };
	struct test_cmd *cmd;

	bed->hca->fail_verb[c->verb] =
		atomic_read(&bed->hca->verb_calls[c->verb]) + 1;
	cmd = cmd_submit(s, &spec);
	KUNIT_EXPECT_FALSE(test, cmd_is_done(cmd));
	cmd_expect_good(cmd);
	bed_expect_conn_errors(bed, 0);
}

/* Fails the next mapping of data by describing less than there is. */
static void failure_of_data(struct bed *bed)
{
	bed->hca->short_map = true;
	bed->hca->fail_verb[FAKE_MAP_MR] =
		atomic_read(&bed->hca->verb_calls[FAKE_MAP_MR]) + 1;
}

/* What would fail at each retry fails once, and the log has one line of it all. */
static void data_that_cannot_be_described_is_an_error(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct kmsg_dump_iter iter;
	unsigned int i, calls;

	admin_mark_log(&iter);
	for (i = 0; i < 4; i++) {
		struct cmd_spec spec = { .len = 20480, .write = i & 1 };

		failure_of_data(bed);
		calls = bed->hca->fail_verb[FAKE_MAP_MR];
		KUNIT_EXPECT_EQ(test, host_byte(cmd_wait(cmd_submit(s, &spec))),
				DID_ABORT);
		KUNIT_EXPECT_EQ(test, calls,
				atomic_read(&bed->hca->verb_calls[FAKE_MAP_MR]));
	}
	KUNIT_EXPECT_EQ(test, 1,
			admin_count_log(&iter, "the device cannot describe such data"));
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 20480 }));
	bed_expect_conn_errors(bed, 0);
}

/*
 * The post fails at its nth work request, and what stands before it has been
 * sent: the connection fails, and the command ends with it.
 */
static void post_that_fails_part_way_fails_connection(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct test_cmd *cmd;

	bed->hca->fail_send_wr = 2;
	cmd = cmd_submit(s, &(struct cmd_spec) { .len = 20480 });
	/* SCSI has not got it back as one that could not be sent. */
	KUNIT_EXPECT_EQ(test, 0,
			atomic_read(&scsi_target(s->sdev)->target_blocked));
	bed_expect_conn_errors(bed, 1);
	KUNIT_EXPECT_NE(test, cmd_wait(cmd), -ETIMEDOUT);
	session_recover(s);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
}

/* response without invalidation | the post of the LOCAL_INV fails */
static void local_inv_that_cannot_be_posted_fails_connection(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct fake_pdu *pdu;
	struct test_cmd *cmd;

	bed->target->hold = true;
	cmd = cmd_submit(s, &(struct cmd_spec) { .len = 4096 });
	pdu = bed_next_pdu(bed, s->qp, ISCSI_OP_SCSI_CMD);
	bed->hca->fail_send_wr = 1;
	target_respond_status(bed->target, s->qp, pdu, 0, 0, NULL, 0);
	bed_expect_conn_errors(bed, 1);
	KUNIT_EXPECT_NE(test, cmd_wait(cmd), -ETIMEDOUT);
}

/* What connecting finds, and what ep_poll then says, again and again. */
static const struct connect_case {
	const char	*desc;
	int		reply, poll;
} connect_cases[] = {
	{ "refused",			-ECONNREFUSED,	-ECONNREFUSED },
	{ "reset",			-ECONNRESET,	-ECONNREFUSED },
	{ "unreachable",		-ETIMEDOUT,	-ETIMEDOUT },
	{ "failed on this side",	-EPROTO,	-EPROTO },
	{ "failed, and no errno",	5,		-EHOSTUNREACH },
};

KUNIT_ARRAY_PARAM_DESC(connect, connect_cases, desc);

static void failed_connect_stays_failed(struct kunit *test)
{
	const struct connect_case *c = test->param_value;
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, NULL);
	struct sockaddr_storage addr;
	struct fake_qp *qp;

	bed->hca->hold_connects = true;
	fake_net_portal(&addr, bed->hca->net, false);
	KUNIT_ASSERT_EQ(test, iscsid_ep_connect(bed->iscsid, &addr, &s->ep), 0);
	bed_settle();
	KUNIT_EXPECT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), 0);
	qp = list_first_entry_or_null(&bed->hca->qps, struct fake_qp, node);
	KUNIT_ASSERT_NOT_NULL(test, qp);
	fake_cm_reply(qp, c->reply, NULL, 0);
	bed_settle();
	KUNIT_EXPECT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), c->poll);
	/* who polls may have been killed: nothing is kept for it */
	bed_expect_nothing_left(bed);
	KUNIT_EXPECT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), c->poll);
}

static struct kunit_case ib_iser_failure_cases[] = {
	KUNIT_CASE_PARAM(every_verb_may_fail, every_verb_gen_params),
	KUNIT_CASE_PARAM(io_path_retries, failure_gen_params),
	KUNIT_CASE(data_that_cannot_be_described_is_an_error),
	KUNIT_CASE(post_that_fails_part_way_fails_connection),
	KUNIT_CASE(local_inv_that_cannot_be_posted_fails_connection),
	KUNIT_CASE_PARAM(failed_connect_stays_failed, connect_gen_params),
	{}
};

static struct kunit_suite ib_iser_failure_suite = {
	.name = "ib_iser_failure",
	.test_cases = ib_iser_failure_cases,
};

kunit_test_suite(ib_iser_failure_suite);
