// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The bench: one round of each kind of I/O, for whichever module has registered the
 * transport "iser". For each kind a line of the log says
 *
 *   native: MODULE read|write BYTES DEPTH NANOSECONDS
 *
 * per command, in hundredths. It is the median of many short pieces, so that what the
 * host does meanwhile does not count.
 */
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sort.h>

#include "native.h"

#define NATIVE_PIECES	201
#define NATIVE_PIECE	256		/* commands: a fraction of the host's time slice */

static const struct native_case {
	bool	write;
	u32	len;
	u32	depth;
} native_cases[] = {
	{ false, SZ_4K, 1 },
	{ true, SZ_4K, 1 },
	{ false, SZ_128K, 1 },
	{ true, SZ_128K, 1 },
	{ false, SZ_4K, 32 },
	{ true, SZ_4K, 32 },
	{ false, SZ_128K, 32 },
	{ true, SZ_128K, 32 },
};

static int native_compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/*
 * Measures what @run does with @what, and says so; the test ends here if it fails.
 */
static void native_measure(struct kunit *test, const struct native_case *c,
			   const char *name, void *what,
			   u64 (*run)(void *what, unsigned int depth, unsigned int count))
{
	static u64 piece[NATIVE_PIECES];
	unsigned int i;

	for (i = 0; i < NATIVE_PIECES; i++) {
		piece[i] = run(what, c->depth, NATIVE_PIECE);
		KUNIT_ASSERT_NE(test, piece[i], 0);
		cond_resched();
	}
	sort(piece, NATIVE_PIECES, sizeof(piece[0]), native_compare, NULL);
	pr_info("native: %s %s %u %u %llu\n", name, c->write ? "write" : "read", c->len,
		c->depth, piece[NATIVE_PIECES / 2] * 100 / NATIVE_PIECE);
}

/* What all figures of the initiators contain. */
static void hca_alone(struct kunit *test)
{
	static const struct native_case cases[] = {
		{ false, SZ_4K, 1 },
		{ false, SZ_4K, 32 },
	};
	struct bare *bare = native_bare_create(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		native_measure(test, &cases[i], "hca", bare, native_bare_run);
}

static void initiator(struct kunit *test)
{
	struct native *native = native_create(test);
	struct lean_hca *hca = native->hca;
	const struct native_case *c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(native_cases); i++) {
		c = &native_cases[i];
		hca->n_commands = 0;
		hca->n_keys = 0;
		KUNIT_ASSERT_TRUE(test, native_cmds_create(native, c->write, c->len,
							   c->depth));
		native_measure(test, c, native->shost->hostt->module->name, native,
			       native_cmds_run);
		native_cmds_destroy(native);
		KUNIT_EXPECT_EQ(test, hca->n_commands, NATIVE_PIECES * NATIVE_PIECE);
		/* all but a write that is sent as a whole */
		KUNIT_EXPECT_EQ(test, hca->n_keys,
				c->write && c->len == SZ_4K ? 0 : hca->n_commands);
	}
	KUNIT_EXPECT_EQ(test, 0, hca->n_lost);
}

static struct kunit_case iser_native_test_cases[] = {
	KUNIT_CASE_SLOW(hca_alone),
	KUNIT_CASE_SLOW(initiator),
	{}
};

static struct kunit_suite iser_native_suite = {
	.name = "iser_native",
	.test_cases = iser_native_test_cases,
};

kunit_test_suite(iser_native_suite);

MODULE_DESCRIPTION("What an iSER initiator costs per I/O, on the real CPU");
MODULE_LICENSE("Dual BSD/GPL");
