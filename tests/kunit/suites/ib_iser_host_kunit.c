// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A session's SCSI host in the device tree: below the HCA, away from it when the
 * HCA is unplugged, and no reference too many or too few whoever goes first.
 */
#include <linux/delay.h>

#include "admin.h"
#include "alloc_fault.h"
#include "bed.h"

static struct device *host_parent(struct session *s)
{
	return s->shost->shost_gendev.parent;
}

static void host_put_device(void *data)
{
	struct device *dev = data;

	put_device(dev);
}

/* The HCA's platform device; it stays readable when it is gone. */
static struct device *host_hca(struct bed *bed)
{
	struct device *hca = get_device(&bed->hca->pdev->dev);

	KUNIT_ASSERT_EQ(bed->test, 0,
			kunit_add_action_or_reset(bed->test, host_put_device, hca));
	return hca;
}

/* All references on @hca but that of host_hca() are put. */
static void host_expect_unreferenced(struct bed *bed, struct device *hca)
{
	KUNIT_EXPECT_EQ(bed->test, kref_read(&hca->kobj.kref), 1);
}

static void host_log_in_again(struct session *s)
{
	session_log_in_again(s);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 16384 }));
}

/* The RDMA device is registered anew, as by a reset: nothing moves. */
static void host_stays_below_its_hca(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct device *hca = &bed->hca->pdev->dev;

	KUNIT_EXPECT_PTR_EQ(test, host_parent(s), hca);
	fake_hca_unplug(bed->hca);
	bed_settle();
	KUNIT_EXPECT_PTR_EQ(test, host_parent(s), hca);
}

/* unplugged under I/O | another HCA: the session goes on there */
static void host_leaves_an_unplugged_hca(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	int references = kref_read(&platform_bus.kobj.kref);
	struct session *s = bed_logged_in(bed, NULL);
	struct device *hca = host_hca(bed);
	struct kmsg_dump_iter log;
	struct test_cmd *cmd;

	bed->target->hold = true;
	cmd = cmd_submit(s, &(struct cmd_spec) { .len = 16384, .write = true });
	admin_mark_log(&log);
	bed_replug(bed);
	KUNIT_EXPECT_PTR_EQ(test, host_parent(s), &platform_bus);
	host_expect_unreferenced(bed, hca);
	KUNIT_EXPECT_PTR_NE(test, s->shost->dma_dev, hca);
	KUNIT_EXPECT_EQ(test, 0, admin_count_log(&log, "host"));
	session_disconnect(s);
	session_stop(s);
	KUNIT_EXPECT_EQ(test, cmd_wait(cmd), DID_TRANSPORT_DISRUPTED << 16);
	host_log_in_again(s);
	KUNIT_EXPECT_PTR_EQ(test, host_parent(s), &platform_bus);
	session_close(s);
	host_expect_unreferenced(bed, hca);
	KUNIT_EXPECT_EQ(test, kref_read(&platform_bus.kobj.kref), references);
}

/* Another host's parent is no reason to move. */
static void host_does_not_follow_another_hca(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct fake_hca *other = fake_hca_create(test, &bed->hca->cfg);
	struct session *s = bed_logged_in(bed, NULL);

	fake_hca_destroy(other);
	KUNIT_EXPECT_PTR_EQ(test, host_parent(s), &bed->hca->pdev->dev);
}

struct host_work {
	struct work_struct	work;
	struct session		*s;
	struct Scsi_Host	*shost;
	struct completion	begun;
};

static void host_hold_scans(struct work_struct *work)
{
	struct host_work *own = container_of(work, struct host_work, work);

	mutex_lock(&own->shost->scan_mutex);
	complete(&own->begun);
	msleep(500);
	mutex_unlock(&own->shost->scan_mutex);
}

static void host_close_session(struct work_struct *work)
{
	struct host_work *own = container_of(work, struct host_work, work);

	complete(&own->begun);
	session_close(own->s);
}

/* session's end waits in the removal of its host | HCA unplugged: waits for it */
static void host_and_hca_go_together(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, NULL);
	struct device *hca = host_hca(bed);
	struct host_work scans, close;
	unsigned long start;

	session_connect(s);
	session_create(s);
	scans.shost = scsi_host_get(s->shost);
	close.s = s;
	init_completion(&scans.begun);
	init_completion(&close.begun);
	INIT_WORK_ONSTACK(&scans.work, host_hold_scans);
	INIT_WORK_ONSTACK(&close.work, host_close_session);
	queue_work(system_long_wq, &scans.work);
	wait_for_completion(&scans.begun);
	queue_work(system_long_wq, &close.work);
	wait_for_completion(&close.begun);
	msleep(100);
	start = jiffies;
	bed_replug(bed);
	KUNIT_EXPECT_GE(test, jiffies - start, msecs_to_jiffies(300));
	KUNIT_EXPECT_LE(test, jiffies - start, HZ);
	flush_work(&scans.work);
	flush_work(&close.work);
	destroy_work_on_stack(&scans.work);
	destroy_work_on_stack(&close.work);
	host_expect_unreferenced(bed, hca);
	scsi_host_put(scans.shost);
}

/* No memory for the move: a word in the log, and the session ends all the same. */
static void host_that_cannot_move_says_so(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct device *hca = host_hca(bed);
	struct kmsg_dump_iter log;

	fake_hca_unplug(bed->hca);
	bed_settle();
	admin_mark_log(&log);
	alloc_fault_init(test, NULL);
	alloc_fault_arm(ALLOC_SLAB, 1);
	bed_replug(bed);
	KUNIT_EXPECT_TRUE(test, alloc_fault_disarm());
	KUNIT_EXPECT_EQ(test, 1, admin_count_log(&log, "could not leave"));
	KUNIT_EXPECT_PTR_EQ(test, host_parent(s), hca);
	session_close(s);
	host_expect_unreferenced(bed, hca);
}

static struct kunit_case ib_iser_host_cases[] = {
	KUNIT_CASE(host_stays_below_its_hca),
	KUNIT_CASE(host_leaves_an_unplugged_hca),
	KUNIT_CASE(host_does_not_follow_another_hca),
	KUNIT_CASE(host_and_hca_go_together),
	KUNIT_CASE(host_that_cannot_move_says_so),
	{}
};

static struct kunit_suite ib_iser_host_suite = {
	.name = "ib_iser_host",
	.test_cases = ib_iser_host_cases,
};

kunit_test_suites(&ib_iser_host_suite);
