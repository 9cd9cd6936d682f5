// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Every allocation made on behalf of the module fails once, one session for
 * each: in the nth run of a phase its nth allocation fails (alloc_fault.c).
 * Whatever that costs, a connect, a login, a retry, nothing may be left behind;
 * the next step is refused with an errno or the connection is reported as
 * failed; and while the session is up no command fails.
 */
#include <linux/sched/signal.h>

#include "alloc_fault.h"
#include "bed.h"

static bool (*alloc_target)(struct fake_qp *qp, struct fake_pdu *pdu);

static bool alloc_serve(struct fake_qp *qp, struct fake_pdu *pdu)
{
	bool served;

	alloc_fault_pause();
	served = alloc_target(qp, pdu);
	alloc_fault_resume();
	return served;
}

static int alloc_io(struct session *s)
{
	struct bed *bed = s->bed;
	struct iscsid *d = bed->iscsid;
	struct test_cmd *cmd[2];
	unsigned int i;

	if (session_try_scan(s))
		return -ENODEV;
	cmd[0] = cmd_submit(s, &(struct cmd_spec) { .len = 20480 });
	cmd[1] = cmd_submit(s, &(struct cmd_spec) { .len = 20480, .write = true });
	for (i = 0; i < ARRAY_SIZE(cmd); i++) {
		KUNIT_EXPECT_NE(bed->test, cmd_wait(cmd[i]), -ETIMEDOUT);
		iscsid_take_events(d);
		if (!d->n_conn_errors)
			cmd_expect_good(cmd[i]);
	}
	return d->n_conn_errors ? -ENOTCONN : 0;
}

static int alloc_teardown(struct session *s)
{
	session_close(s);
	return 0;
}

/* The device goes, from under a session whose commands wait for their answers. */
static int alloc_removal(struct session *s)
{
	struct bed *bed = s->bed;
	struct test_cmd *cmd[2];
	unsigned int i;

	alloc_fault_pause();
	bed->target->hold = true;
	cmd[0] = cmd_submit(s, &(struct cmd_spec) { .len = 20480 });
	cmd[1] = cmd_submit(s, &(struct cmd_spec) { .len = 20480, .write = true });
	alloc_fault_resume();
	fake_hca_unplug(bed->hca);
	bed_settle();
	bed->target->hold = false;
	session_close(s);
	for (i = 0; i < ARRAY_SIZE(cmd); i++)
		KUNIT_EXPECT_NE(bed->test, cmd_wait(cmd[i]), -ETIMEDOUT);
	return 0;
}

/*
 * Two failures are spared, for nobody is told of them. The SCSI layer goes on with
 * a host whose transport class was never set up, mutex included. And the check of
 * DMA mappings ends for good.
 */
static const char alloc_of_class[] = "attribute_container_add_device";
static const char alloc_of_dma_check[] = "add_dma_entry";

static const char *alloc_spare(const char *spared)
{
	if (spared == alloc_of_dma_check && !IS_ENABLED(CONFIG_DMA_API_DEBUG))
		return NULL;
	return spared;
}

/* Each phase returns 0, or why the session goes no further. */
static const struct alloc_phase {
	const char	*desc;
	int		(*run)(struct session *s);
	const char	*spared;
	bool		ends;		/* the session; only where it is tested */
} alloc_phases[] = {
	{ "connect",	session_try_connect, alloc_of_dma_check },
	{ "bind",	session_try_bind, alloc_of_class },
	{ "start",	session_try_login, alloc_of_dma_check },
	{ "I/O",	alloc_io, alloc_of_dma_check },
	{ "teardown",	alloc_teardown, alloc_of_dma_check, true },
	{ "removal",	alloc_removal, alloc_of_dma_check, true },
};

KUNIT_ARRAY_PARAM_DESC(alloc, alloc_phases, desc);

/*
 * A device for one session: what the RDMA core keeps with a device, such as its
 * pool of completion queues, is then made anew, and may fail.
 */
static struct fake_hca *alloc_lend_device(struct bed *bed)
{
	struct fake_hca *hca = fake_hca_create(bed->test, &bed->hca->cfg);
	struct fake_hca *own = bed->hca;

	hca->serve = alloc_serve;
	hca->serve_priv = bed->target;
	bed->target->hca = hca;
	bed->hca = hca;
	return own;
}

static void alloc_return_device(struct bed *bed, struct fake_hca *own)
{
	struct fake_hca *hca = bed->hca;

	bed->target->hca = own;
	bed->hca = own;
	fake_hca_destroy(hca);
}

/* Returns whether @phase made @n allocations, the last of which has failed. */
static bool alloc_session(struct bed *bed, const struct alloc_phase *phase,
			  enum alloc_fault_kind kind, unsigned int n)
{
	struct session *s = bed_session(bed, &(struct iscsid_params) {
		.no_initial_r2t = true,
		.first_burst = 16384,
	});
	struct fake_hca *own = alloc_lend_device(bed);
	const struct alloc_phase *p;
	bool failed = false;
	int ret = 0;

	s->cmds_max = 32;
	iscsid_take_events(bed->iscsid);
	bed->iscsid->n_conn_errors = 0;
	for (p = alloc_phases; !ret && p < alloc_phases +
	     ARRAY_SIZE(alloc_phases); p++) {
		if (p->ends && p != phase)
			continue;
		if (p == phase)
			alloc_fault_arm(kind, n);
		ret = p->run(s);
		if (p == phase)
			failed = alloc_fault_disarm();
		if (ret)
			KUNIT_EXPECT_TRUE_MSG(bed->test, failed,
					      "%s, allocation %u: %pe, and none has failed",
					      p->desc, n, ERR_PTR(ret));
	}
	session_close(s);
	bed_expect_nothing_left_after(bed, "allocation", n);
	alloc_return_device(bed, own);
	return failed;
}

static void every_allocation_may_fail(struct kunit *test)
{
	const struct alloc_phase *phase = test->param_value;
	struct bed *bed = bed_create(test, NULL);
	unsigned int n[ALLOC_KINDS] = {};
	int kind;

	alloc_fault_init(test, alloc_spare(phase->spared));
	bed->target->no_remote_inv = true;
	alloc_target = bed->hca->serve;
	for (kind = 0; kind < ALLOC_KINDS; kind++)
		while (alloc_session(bed, phase, kind, n[kind] + 1))
			n[kind]++;
	kunit_info(test, "%s: %u allocations from slabs and %u of pages, each failed once",
		   phase->desc, n[ALLOC_SLAB], n[ALLOC_PAGE]);
	KUNIT_EXPECT_GT(test, n[ALLOC_SLAB] + n[ALLOC_PAGE], 0);
}

/* Returns whether there were @n allocations; counts the connects refused. */
static bool alloc_device(struct kunit *test, enum alloc_fault_kind kind,
			 unsigned int n, unsigned int *refused)
{
	struct session *s;
	struct bed *bed;
	bool failed;
	int ret;

	alloc_fault_arm(kind, n);
	bed = bed_create(test, NULL);
	failed = alloc_fault_disarm();
	s = bed_session(bed, NULL);
	ret = session_try_connect(s);
	if (!failed)
		KUNIT_EXPECT_EQ(test, ret, 0);
	*refused += ret < 0;
	session_close(s);
	bed_expect_nothing_left_after(bed, "allocation", n);
	return failed;
}

/* Without its data iSER does not use the device, and says so when asked. */
static void device_add_may_fail(struct kunit *test)
{
	unsigned int n[ALLOC_KINDS] = {}, refused = 0;
	int kind;

	alloc_fault_init(test, alloc_spare(alloc_of_dma_check));
	for (kind = 0; kind < ALLOC_KINDS; kind++)
		while (alloc_device(test, kind, n[kind] + 1, &refused))
			n[kind]++;
	kunit_info(test, "device add: %u allocations from slabs and %u of pages, each failed once",
		   n[ALLOC_SLAB], n[ALLOC_PAGE]);
	/* a kernel with debug objects can do without some of them */
	KUNIT_EXPECT_GT(test, refused, 0);
}

/* What storage waits for needs no new thread; releases are none of that. */
static void works_have_threads_in_reserve(struct kunit *test)
{
	struct task_struct *task;
	unsigned int n = 0;

	scoped_guard(rcu)
		for_each_process(task)
			n += strstarts(task->comm, "kworker/R-iser");
	KUNIT_EXPECT_EQ(test, n, 1);
}

static struct kunit_case ib_iser_alloc_cases[] = {
	KUNIT_CASE_PARAM(every_allocation_may_fail, alloc_gen_params),
	KUNIT_CASE(device_add_may_fail),
	KUNIT_CASE(works_have_threads_in_reserve),
	{}
};

static struct kunit_suite ib_iser_alloc_suite = {
	.name = "ib_iser_alloc",
	.test_cases = ib_iser_alloc_cases,
};

kunit_test_suite(ib_iser_alloc_suite);
