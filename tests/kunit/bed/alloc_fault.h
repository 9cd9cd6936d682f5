/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Allocations that fail by count, made on behalf of the module: by itself, or by
 * what it calls, in whatever context.
 */
#ifndef TEST_ALLOC_FAULT_H
#define TEST_ALLOC_FAULT_H

#include <kunit/test.h>

enum alloc_fault_kind {
	ALLOC_SLAB,		/* kmalloc() and kin */
	ALLOC_PAGE,
	ALLOC_KINDS,
};

void alloc_fault_init(struct kunit *test, const char *spared);
void alloc_fault_arm(enum alloc_fault_kind kind, unsigned int n);
bool alloc_fault_disarm(void);
void alloc_fault_pause(void);
void alloc_fault_resume(void);

#endif
