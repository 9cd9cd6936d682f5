// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A session's life without trouble: connect, login, a disk, reads and writes,
 * and its end, on devices of many kinds.
 */
#include "bed.h"

static void session_lives_and_leaves_nothing(struct kunit *test)
{
	static const struct cmd_spec write = { .len = 4096, .write = true };
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);

	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
	cmd_expect_good(cmd_submit(s, &write));
	session_close(s);
	KUNIT_EXPECT_EQ(test, bed->hca->n_qp, 0);
	KUNIT_EXPECT_EQ(test, bed->hca->n_mr, 0);
	KUNIT_EXPECT_EQ(test, bed->hca->n_pd, 0);
	KUNIT_EXPECT_EQ(test, bed->hca->dma->live, 0);
}

static const struct session_case {
	const char		*desc;
	struct fake_hca_config	cfg;
	struct iscsid_params	params;
} session_cases[] = {
	{ "IPv6", { .ipv6 = true } },
	{ "RoCE", { .roce = true } },
	{ "RoCE, IPv6", { .roce = true, .ipv6 = true } },
	{ "gaps", { .sg_gaps = true } },
	{ "an IOMMU that joins", { .dma_merge = true } },
	{ "short page lists", { .max_pages = 64 } },
	{ "two elements in a SEND", { .max_send_sge = 2 } },
	{ "one completion vector", { .num_comp_vectors = 1 } },
	{ "a small completion queue", { .max_cqe = 512 } },
	{ "the shortest queues that will do", { .max_qp_wr = 65 } },
	{ "no immediate data", {}, { .no_immediate = true } },
	{ "unsolicited data", {}, { .no_initial_r2t = true } },
};

KUNIT_ARRAY_PARAM_DESC(session, session_cases, desc);

static void session_lives_on_device(struct kunit *test)
{
	const struct session_case *c = test->param_value;
	struct bed *bed = bed_create(test, &c->cfg);
	struct session *s = bed_logged_in(bed, &c->params);
	u32 len;

	for (len = 512; len <= 131072; len *= 4) {
		cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = len }));
		cmd_expect_good(cmd_submit(s, &(struct cmd_spec) {
			.len = len, .write = true }));
	}
}

static const struct unfit_case {
	const char		*desc;
	struct fake_hca_config	cfg;
} unfit_cases[] = {
	{ "no fast registration", { .no_mem_mgt = true } },
	{ "page lists of one", { .max_pages = 1 } },
	{ "one element in a SEND", { .max_send_sge = 1 } },
	{ "too few receives", { .max_qp_wr = 32 } },
	{ "too few sends", { .max_qp_wr = 64 } },
	{ "too few completions", { .max_cqe = 96 } },
};

KUNIT_ARRAY_PARAM_DESC(unfit, unfit_cases, desc);

/* A device that the module cannot use says so at ep_poll. */
static void unfit_device_is_refused(struct kunit *test)
{
	const struct unfit_case *c = test->param_value;
	struct bed *bed = bed_create(test, &c->cfg);
	struct session *s = bed_session(bed, NULL);
	struct sockaddr_storage addr;

	fake_net_portal(&addr, bed->hca->net, false);
	KUNIT_ASSERT_EQ(test, iscsid_ep_connect(bed->iscsid, &addr, &s->ep), 0);
	bed_settle();
	KUNIT_EXPECT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), -EOPNOTSUPP);
}

/* REQ: no zero-based addresses, remote invalidation welcome */
static void request_carries_private_data(struct kunit *test)
{
	static const u8 wanted[4] = { 0x80 };
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, NULL);

	session_connect(s);
	KUNIT_ASSERT_EQ(test, s->qp->cm_param.private_data_len, sizeof(wanted));
	KUNIT_EXPECT_MEMEQ(test, s->qp->cm_data, wanted, sizeof(wanted));
	/* what the target may have outstanding of RDMA Reads */
	KUNIT_EXPECT_GE(test, s->qp->cm_param.ird, 1);
}

/* Two sessions, two connections: no key of one works on the other. */
static void key_works_on_its_connection_only(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *a = bed_logged_in(bed, NULL);
	struct session *b = bed_logged_in(bed, NULL);
	struct test_cmd *cmd;
	struct fake_pdu *pdu;
	u8 byte;

	bed->target->hold = true;
	cmd = cmd_submit(a, &(struct cmd_spec) { .len = 4096 });
	pdu = bed_next_pdu(bed, a->qp, ISCSI_OP_SCSI_CMD);
	KUNIT_EXPECT_EQ(test, -EKEYREJECTED,
			fake_rdma(b->qp, target_key(pdu), 0, &byte, 1, true));
	target_serve(bed->target, a->qp, pdu);
	cmd_expect_good(cmd);
}

static void session_lose(struct session *s)
{
	session_disconnect(s);
	session_stop(s);
}

static void session_come_back(struct session *s)
{
	session_log_in_again(s);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
}

/*
 * A and B lose their connections, and come back the other way round, each to the
 * other's place at a completion vector; C is in the place of one that is away.
 * With one CPU there is one vector: what can be seen here is that all work, and
 * that nothing is used when it is freed, not which vector it is.
 */
static void sessions_change_places_at_vectors(struct kunit *test)
{
	struct bed *bed = bed_create(test, &(struct fake_hca_config) {
		.num_comp_vectors = 4 });
	struct session *a = bed_logged_in(bed, NULL);
	struct session *b = bed_logged_in(bed, NULL);
	struct session *c;

	session_lose(a);
	session_lose(b);
	session_come_back(b);
	session_come_back(a);
	session_lose(b);
	c = bed_logged_in(bed, NULL);	/* where B was */
	session_come_back(b);
	session_lose(a);
	session_close(a);
	session_close(b);
	session_close(c);
	cmd_expect_good(cmd_submit(bed_logged_in(bed, NULL),
				   &(struct cmd_spec) { .len = 4096 }));
}

static struct kunit_case ib_iser_session_cases[] = {
	KUNIT_CASE(session_lives_and_leaves_nothing),
	KUNIT_CASE_PARAM(session_lives_on_device, session_gen_params),
	KUNIT_CASE_PARAM(unfit_device_is_refused, unfit_gen_params),
	KUNIT_CASE(request_carries_private_data),
	KUNIT_CASE(key_works_on_its_connection_only),
	KUNIT_CASE(sessions_change_places_at_vectors),
	{}
};

static struct kunit_suite ib_iser_session_suite = {
	.name = "ib_iser_session",
	.test_cases = ib_iser_session_cases,
};

kunit_test_suite(ib_iser_session_suite);

MODULE_DESCRIPTION("KUnit tests for the iSER initiator");
MODULE_LICENSE("Dual BSD/GPL");
