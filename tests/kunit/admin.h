/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What an administrator reads and writes below /sys; paths without it. */
#ifndef TEST_ADMIN_H
#define TEST_ADMIN_H

#include <linux/types.h>

int admin_read(const char *path, char *text, size_t size);
int admin_write(const char *path, const char *text);

#endif
