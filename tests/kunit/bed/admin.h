/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What an administrator reads: the log, and below /sys; paths without it. */
#ifndef TEST_ADMIN_H
#define TEST_ADMIN_H

#include <linux/kmsg_dump.h>
#include <linux/types.h>

int admin_read(const char *path, char *text, size_t size);
void admin_mark_log(struct kmsg_dump_iter *iter);
unsigned int admin_count_log(struct kmsg_dump_iter *iter, const char *text);

#endif
