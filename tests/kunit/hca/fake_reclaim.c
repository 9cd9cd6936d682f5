// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Memory and storage: swap and dirty pages may lie on the disks of a session, so
 * what brings a connection back or takes it down must not wait for memory that
 * only their I/O could free. Each allocation on the ULP's behalf, by itself or by
 * what it calls, in whatever context, is looked at where the allocators trace it:
 * to start I/O it must not be allowed.
 *
 * Nothing waits for a device that comes, nor for a session that iscsid makes or
 * destroys.
 */
#include <linux/kallsyms.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <trace/events/kmem.h>

#include "fake_parts.h"

static bool fake_reclaim_spared(const char *function)
{
	static const char * const spared[] = {
		"iser_device_add", "iser_create_session", "iser_create_conn",
		"iser_destroy_conn", "iser_destroy_session",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(spared); i++)
		if (!strcmp(function, spared[i]))
			return true;
	return false;
}

/* Who of the ULP has called, if it is somebody who may not wait for I/O. */
static bool fake_reclaim_culprit(struct fake_hca *hca, char *function)
{
	unsigned long stack[64];
	unsigned int i, n = stack_trace_save(stack, ARRAY_SIZE(stack), 2);
	bool found = false;

	for (i = 0; i < n; i++) {
		if (stack[i] < hca->text.start || stack[i] >= hca->text.end)
			continue;
		sprint_symbol_no_offset(function, stack[i]);
		/* a module's name follows, if it is one */
		function[strcspn(function, " ")] = 0;
		if (fake_reclaim_spared(function))
			return false;
		found = true;
	}
	return found;
}

static void fake_reclaim_look(struct fake_hca *hca, gfp_t gfp)
{
	char function[KSYM_SYMBOL_LEN];

	if (!(current_gfp_context(gfp) & __GFP_IO) || !(gfp & __GFP_DIRECT_RECLAIM))
		return;
	if (fake_reclaim_culprit(hca, function))
		fake_complain(hca, "%s: an allocation that may wait for I/O",
			      function);
}

static void fake_reclaim_slab(void *data, unsigned long call_site,
			      const void *ptr, struct kmem_cache *cache,
			      gfp_t gfp, int node)
{
	fake_reclaim_look(data, gfp);
}

static void fake_reclaim_kmalloc(void *data, unsigned long call_site,
				 const void *ptr, size_t req, size_t alloc,
				 gfp_t gfp, int node)
{
	fake_reclaim_look(data, gfp);
}

static void fake_reclaim_page(void *data, struct page *page, unsigned int order,
			      gfp_t gfp, int migratetype)
{
	fake_reclaim_look(data, gfp);
}

int fake_reclaim_start(struct fake_hca *hca)
{
	return register_trace_kmem_cache_alloc(fake_reclaim_slab, hca) ?:
	       register_trace_kmalloc(fake_reclaim_kmalloc, hca) ?:
	       register_trace_mm_page_alloc(fake_reclaim_page, hca);
}

void fake_reclaim_stop(struct fake_hca *hca)
{
	unregister_trace_mm_page_alloc(fake_reclaim_page, hca);
	unregister_trace_kmalloc(fake_reclaim_kmalloc, hca);
	unregister_trace_kmem_cache_alloc(fake_reclaim_slab, hca);
	tracepoint_synchronize_unregister();
}

/*
 * A driver tells the device what to do in a command, for which it allocates; what
 * it cannot do without, so that only this file is interested.
 */
void fake_reclaim_command(void)
{
	kfree(kmalloc(64, GFP_KERNEL | __GFP_NOFAIL));
}
