// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What a device can take, and what SCSI is promised of it: no more commands than
 * the send queue holds, no larger pieces than the device maps, and data that lies
 * where it may, even when the DMA layer moves it.
 */
#include <linux/blkdev.h>
#include <scsi/libiscsi.h>

#include "bed.h"
#include "ulp.h"

static const struct limits_bounce_case {
	const char	*desc;
	struct cmd_spec	cmd;
} limits_bounce_cases[] = {
	{ "a read from the middle of a page",	{ .len = 20480, .offset = 512 } },
	{ "a write from the middle of a page",
	  { .write = true, .len = 69632, .offset = 1536 } },
	{ "less than a page, over its end",
	  { .len = 2048, .offset = 3072 } },
	{ "one sector at the end of a page",
	  { .write = true, .len = 512, .offset = 3584 } },
	{ "as large as it may be",		{ .len = SZ_128K, .offset = 512 } },
};

KUNIT_ARRAY_PARAM_DESC(limits_bounce, limits_bounce_cases, desc);

/* swiotlb keeps the offset within a page only if it is told to. */
static void bounced_data_can_be_described(struct kunit *test)
{
	const struct limits_bounce_case *c = test->param_value;
	struct bed *bed = bed_create(test, &(struct fake_hca_config) {
		.dma_bounces = true });
	struct session *s = bed_logged_in(bed, &(struct iscsid_params) {
		.no_immediate = true });

	/* 256 KiB less a page, which the alignment may take of swiotlb's slots */
	KUNIT_EXPECT_EQ(test, s->shost->max_sectors, 504);
	cmd_expect_good(cmd_submit(s, &c->cmd));
	bed_expect_conn_errors(bed, 0);
}

static const struct limits_queue_case {
	const char		*desc;
	struct fake_hca_config	cfg;
	u16			cmds_max;
	int			can_queue;	/* (queue - unsignalled - 16) / 3; PI: / 6 */
} limits_queue_cases[] = {
	{ "the default", {}, 128, 128 - ISCSI_MGMT_CMDS_MAX },
	{ "more than the queue holds", {}, 512, (1022 - 64 - 16) / 3 },
	{ "T10-PI, whose registrations take more",
	  { .integrity = true }, 512, (1022 - 64 - 16) / 6 },
	{ "T10-PI, the default",
	  { .integrity = true }, 128, 128 - ISCSI_MGMT_CMDS_MAX },
	{ "a small queue", { .max_qp_wr = 200 }, 128, (199 - 24 - 16) / 3 },
	{ "T10-PI, a small queue",
	  { .max_qp_wr = 200, .integrity = true }, 128, (199 - 24 - 16) / 6 },
	{ "the smallest queue", { .max_qp_wr = 65 }, 128, (64 - 8 - 16) / 3 },
};

KUNIT_ARRAY_PARAM_DESC(limits_queue, limits_queue_cases, desc);

static void no_more_commands_than_the_queue_holds(struct kunit *test)
{
	const struct limits_queue_case *c = test->param_value;
	struct session *s;
	struct bed *bed;

	KUNIT_ASSERT_EQ(test, ulp_set_param(test, "pi_enable", "Y"), 0);
	bed = bed_create(test, &c->cfg);
	s = bed_session(bed, NULL);
	s->cmds_max = c->cmds_max;
	session_connect(s);
	session_create(s);
	session_bind(s);
	session_login(s);
	session_scan(s);
	KUNIT_EXPECT_EQ(test, s->shost->can_queue, c->can_queue);
	KUNIT_EXPECT_GE(test, s->qp->cap.max_send_wr,
			s->shost->can_queue * (c->cfg.integrity ? 6 : 3) + 16 + 1);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 16384 }));
}

/* No piece is larger than the device says it maps. */
static void pieces_are_as_large_as_the_device_maps(struct kunit *test)
{
	struct bed *bed = bed_create(test, &(struct fake_hca_config) {
		.sg_gaps = true, .max_seg_size = SZ_64K });
	struct session *s = bed_logged_in(bed, NULL);

	KUNIT_EXPECT_EQ(test, s->shost->max_segment_size, SZ_64K);
	KUNIT_EXPECT_EQ(test, queue_max_segment_size(s->sdev->request_queue), SZ_64K);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = SZ_512K }));
}

static struct kunit_case ib_iser_limits_cases[] = {
	KUNIT_CASE_PARAM(bounced_data_can_be_described, limits_bounce_gen_params),
	KUNIT_CASE_PARAM(no_more_commands_than_the_queue_holds,
			 limits_queue_gen_params),
	KUNIT_CASE(pieces_are_as_large_as_the_device_maps),
	{}
};

static struct kunit_suite ib_iser_limits_suite = {
	.name = "ib_iser_limits",
	.test_cases = ib_iser_limits_cases,
};

kunit_test_suite(ib_iser_limits_suite);
