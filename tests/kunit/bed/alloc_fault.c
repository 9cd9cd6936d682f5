// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The kernel's own fault injection (failslab, fail_page_alloc), with its filter
 * by stack trace set to the module's text. So it counts each allocation that has
 * one of the module's functions among its callers: what the module asks for,
 * and what the RDMA core, the SCSI layer, libiscsi or the HCA's driver need to
 * do what they were asked for; in tasks, works and softirqs alike.
 *
 * The settings belong to user space, which kernel tests do not have: debugfs
 * knows where each of them lies, as the private data of its file.
 */
#include <linux/debugfs.h>
#include <linux/fault-inject.h>
#include <linux/kallsyms.h>

#include "alloc_fault.h"
#include "ulp.h"

static struct fault_attr *fault_attr[ALLOC_KINDS];
static struct fault_attr *fault_armed;	/* NULL: none */

static void *fault_knob(struct kunit *test, const char *dir, const char *name)
{
	struct dentry *parent, *file;
	void *knob;

	parent = debugfs_lookup(dir, NULL);
	KUNIT_ASSERT_NOT_NULL_MSG(test, parent, "no %s in debugfs", dir);
	file = debugfs_lookup(name, parent);
	dput(parent);
	KUNIT_ASSERT_NOT_NULL_MSG(test, file, "no %s/%s in debugfs", dir, name);
	knob = d_inode(file)->i_private;
	dput(file);
	return knob;
}

/*
 * Finds the settings, and has allocations that may sleep fail as well, but not
 * those that have the function @spared among their callers (NULL: none).
 */
void alloc_fault_init(struct kunit *test, const char *spared)
{
	static const char * const dirs[ALLOC_KINDS] = {
		"failslab", "fail_page_alloc",
	};
	unsigned long reject = 0, size = 0, offset;
	struct ulp_text text;
	struct fault_attr *attr;
	int i;

	ulp_find_text(test, &text);
	if (spared) {
		reject = kallsyms_lookup_name(spared);
		KUNIT_ASSERT_TRUE(test, kallsyms_lookup_size_offset(reject, &size,
								    &offset));
	}
	for (i = 0; i < ALLOC_KINDS; i++) {
		attr = fault_knob(test, dirs[i], "probability");
		attr = container_of((unsigned long *)attr, struct fault_attr,
				    probability);
		attr->probability = 0;
		attr->require_start = text.start;
		attr->require_end = text.end;
		attr->reject_start = reject;
		attr->reject_end = reject + size;
		attr->verbose = 0;
		*(bool *)fault_knob(test, dirs[i], "ignore-gfp-wait") = false;
		fault_attr[i] = attr;
	}
	*(u32 *)fault_knob(test, "fail_page_alloc", "min-order") = 0;
}

/* The @n-th allocation of this kind from now on fails, from 1; no other does. */
void alloc_fault_arm(enum alloc_fault_kind kind, unsigned int n)
{
	fault_armed = fault_attr[kind];
	fault_armed->interval = n;
	fault_armed->count = 0;
	atomic_set(&fault_armed->times, 1);
	fault_armed->probability = 100;
}

/* Returns whether there were as many allocations. */
bool alloc_fault_disarm(void)
{
	struct fault_attr *attr = fault_armed;

	fault_armed = NULL;
	attr->probability = 0;
	return !atomic_read(&attr->times);
}

/* What the far end allocates is not the module's; one CPU, no nesting. */
void alloc_fault_pause(void)
{
	if (fault_armed)
		fault_armed->probability = 0;
}

void alloc_fault_resume(void)
{
	if (fault_armed)
		fault_armed->probability = 100;
}
