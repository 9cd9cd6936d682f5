/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The initiator under test itself, built in or loaded: its text, its parameters. */
#ifndef TEST_ULP_H
#define TEST_ULP_H

#include <kunit/test.h>

struct ulp_text {
	unsigned long	start, end;
};

void ulp_find_text(struct kunit *test, struct ulp_text *text);
int ulp_set_param(struct kunit *test, const char *name, const char *value);

#endif
