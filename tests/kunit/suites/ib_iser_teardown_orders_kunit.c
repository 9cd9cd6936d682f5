// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The end of a connection, by enumeration: every order of up to order_length
 * of the events in teardown_orders.h, in each state of the connection, over
 * iWARP and over RoCE. Each must end, in bounded time and without anybody's
 * help, with everything freed and every command given back; and the session
 * must then log in and work, on another device if the first one is gone.
 *
 * The case fails with the first order that does not end well, and names it; a
 * complaint of the kernel's own, such as a WARN, counts for the order in which
 * it came.
 */
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/panic.h>
#include <linux/sched/sysctl.h>

#include "order_run.h"

#define ORDER_MS	1000	/* virtual time that an end may take */

static unsigned int order_length = 3;
module_param(order_length, uint, 0444);
MODULE_PARM_DESC(order_length, "events in the orders of teardown (1 to 4, default 3)");

/* A suite for each personality; in it a state and a pace make a case. */
#define ORDERS_CASES	(ORDER_STATES * 2)

static struct order_counts orders_counts[2 * ORDERS_CASES];

static void orders_case(struct order *o, unsigned int i)
{
	order_first(o, i / ORDERS_CASES, i / 2 % ORDER_STATES, i % 2);
}

static void orders_describe_case(unsigned int i, char *desc)
{
	struct order o;

	orders_case(&o, i);
	o.n = 0;
	order_describe(&o, desc, KUNIT_PARAM_DESC_SIZE);
}

static const void *orders_gen_params(bool roce, const void *prev, char *desc)
{
	const struct order_counts *first = orders_counts + roce * ORDERS_CASES;
	const struct order_counts *n = prev ? prev + sizeof(*n) : first;

	if (n == first + ORDERS_CASES)
		return NULL;
	orders_describe_case(n - orders_counts, desc);
	return n;
}

static const void *orders_gen_iwarp(struct kunit *test, const void *prev,
				    char *desc)
{
	return orders_gen_params(false, prev, desc);
}

static const void *orders_gen_roce(struct kunit *test, const void *prev,
				   char *desc)
{
	return orders_gen_params(true, prev, desc);
}

/* The order that a case is at, for when it ends there. */
struct orders_test {
	struct order_run	run;
	struct order		order;
	unsigned int		conn_refs;	/* with no connection of ours */
	struct order_counts	*counts;
	unsigned int		taints;
};

/* What WARN, lockdep and KASAN leave behind. */
static unsigned int orders_taints(void)
{
	return 2 * test_taint(TAINT_WARN) + test_taint(TAINT_BAD_PAGE);
}

static void orders_name_culprit(void *data)
{
	struct orders_test *t = data;
	char desc[160];

	if (t->run.test->status != KUNIT_FAILURE)
		return;
	order_describe(&t->order, desc, sizeof(desc));
	kunit_err(t->run.test, "the order was: %s\n", desc);
}

static void orders_expect_nothing_pinned(struct orders_test *t)
{
	struct kunit *test = t->run.test;

	KUNIT_EXPECT_EQ(test, order_run_conn_refs(&t->run), t->conn_refs);
	KUNIT_EXPECT_EQ(test, orders_taints(), t->taints);
}

static void orders_run_one(struct orders_test *t)
{
	struct order_run *b = &t->run;
	const struct order *o = &t->order;
	struct kunit *test = b->test;
	unsigned long start;
	unsigned int i;

	order_run_set_up(b, o);
	start = jiffies;
	for (i = 0; i < o->n; i++) {
		if (!order_run_event(b, o, o->event[i])) {
			/* A model that is right excludes what cannot be. */
			KUNIT_EXPECT_TRUE_MSG(test, o->at_once, "no object for %s",
					      order_event_names[o->event[i]]);
			t->counts->missed++;
		}
		if (!o->at_once)
			bed_settle();
	}
	KUNIT_EXPECT_TRUE_MSG(test, order_run_wait_removal(b),
			      "the device cannot be removed");
	order_run_give_up(b);
	bed_settle();
	order_run_expect_silence(b);
	order_run_expect_nothing_left(b);
	order_run_late_put(b);
	order_run_expect_commands_done(b);
	bed_settle();
	KUNIT_EXPECT_LE(test, jiffies_to_msecs(jiffies - start), ORDER_MS);
	order_run_expect_nothing_left(b);
	orders_expect_nothing_pinned(t);
	flush_work(&b->unplug_work);
	if (test->status != KUNIT_FAILURE)
		order_run_recover(b);
}

static struct orders_test *orders_begin(struct kunit *test, unsigned int i)
{
	struct orders_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_ASSERT_GE(test, order_length, 1);
	KUNIT_ASSERT_LE(test, order_length, ORDER_MAX);
	orders_case(&t->order, i);
	order_run_init(&t->run, test, t->order.roce);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   orders_name_culprit,
							   t));
	t->conn_refs = order_run_idle_conn_refs(&t->run);
	t->counts = &orders_counts[i];
	t->taints = orders_taints();
	return t;
}

static void every_order_ends_well(struct kunit *test)
{
	struct order_counts *n = (struct order_counts *)test->param_value;
	struct orders_test *t = orders_begin(test, n - orders_counts);
	unsigned int i, excluded = 0;
	enum order_rule rule;

	*n = (struct order_counts) {};
	do {
		n->generated++;
		rule = order_rule(&t->order);
		if (rule) {
			n->excluded[rule]++;
			continue;
		}
		orders_run_one(t);
		n->run++;
	} while (test->status != KUNIT_FAILURE &&
		 order_next(&t->order, order_length));

	for (i = 0; i < ORDER_RULES; i++)
		excluded += n->excluded[i];
	KUNIT_EXPECT_EQ(test, n->generated, order_count(order_length));
	KUNIT_EXPECT_EQ(test, n->generated, n->run + excluded);
	KUNIT_EXPECT_GT(test, n->run, 0);
}

static void orders_report_counts(struct kunit_suite *suite, const char *desc,
				 const struct order_counts *n)
{
	unsigned int i, excluded = 0;
	char text[256] = "";
	size_t len = 0;

	for (i = 0; i < ORDER_RULES; i++) {
		excluded += n->excluded[i];
		if (n->excluded[i])
			len += scnprintf(text + len, sizeof(text) - len,
					 "%s%s %u", len ? ", " : "",
					 order_rule_names[i][0], n->excluded[i]);
	}
	kunit_info(suite, "%s: %u orders generated, %u run, %u excluded (%s)",
		   desc, n->generated, n->run, excluded, text);
}

/* What there was, what was left out and why. */
static void orders_report(struct kunit_suite *suite, bool roce)
{
	const struct order_counts *counts = orders_counts + roce * ORDERS_CASES;
	char desc[KUNIT_PARAM_DESC_SIZE];
	struct order_counts total = {};
	unsigned int i, rule;

	for (i = 0; i < ORDERS_CASES; i++) {
		orders_describe_case(&counts[i] - orders_counts, desc);
		orders_report_counts(suite, desc, &counts[i]);
		total.generated += counts[i].generated;
		total.run += counts[i].run;
		total.missed += counts[i].missed;
		for (rule = 0; rule < ORDER_RULES; rule++)
			total.excluded[rule] += counts[i].excluded[rule];
	}
	orders_report_counts(suite, "in all", &total);
	kunit_info(suite, "orders of up to %u events; %u events that came at once missed their object",
		   order_length, total.missed);
	for (rule = 1; rule < ORDER_RULES; rule++)
		kunit_info(suite, "  %s: %s", order_rule_names[rule][0],
			   order_rule_names[rule][1]);
}

/* A case takes hours of virtual time, in which KUnit's thread only waits. */
static unsigned long orders_hung_task_secs;

static int orders_init(struct kunit_suite *suite)
{
#ifdef CONFIG_DETECT_HUNG_TASK
	orders_hung_task_secs = sysctl_hung_task_timeout_secs;
	sysctl_hung_task_timeout_secs = 0;
#endif
	return 0;
}

static void orders_exit(void)
{
#ifdef CONFIG_DETECT_HUNG_TASK
	sysctl_hung_task_timeout_secs = orders_hung_task_secs;
#endif
}

static void ib_iser_teardown_orders_iwarp_exit(struct kunit_suite *suite)
{
	orders_exit();
	orders_report(suite, false);
}

static void ib_iser_teardown_orders_roce_exit(struct kunit_suite *suite)
{
	orders_exit();
	orders_report(suite, true);
}

static struct kunit_case ib_iser_teardown_orders_iwarp_cases[] = {
	KUNIT_CASE_PARAM_ATTR(every_order_ends_well, orders_gen_iwarp,
			      { .speed = KUNIT_SPEED_VERY_SLOW }),
	{}
};

static struct kunit_suite ib_iser_teardown_orders_iwarp_suite = {
	.name = "ib_iser_teardown_orders_iwarp",
	.test_cases = ib_iser_teardown_orders_iwarp_cases,
	.suite_init = orders_init,
	.suite_exit = ib_iser_teardown_orders_iwarp_exit,
};

static struct kunit_case ib_iser_teardown_orders_roce_cases[] = {
	KUNIT_CASE_PARAM_ATTR(every_order_ends_well, orders_gen_roce,
			      { .speed = KUNIT_SPEED_VERY_SLOW }),
	{}
};

static struct kunit_suite ib_iser_teardown_orders_roce_suite = {
	.name = "ib_iser_teardown_orders_roce",
	.test_cases = ib_iser_teardown_orders_roce_cases,
	.suite_init = orders_init,
	.suite_exit = ib_iser_teardown_orders_roce_exit,
};

kunit_test_suites(&ib_iser_teardown_orders_iwarp_suite, &ib_iser_teardown_orders_roce_suite);
