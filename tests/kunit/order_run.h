/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Bringing a connection to where an order begins, and making the order's events
 * happen to it. One bench serves many orders: HCA and session stay as long as
 * what an order has left behind is nothing.
 */
#ifndef ORDER_RUN_H
#define ORDER_RUN_H

#include <linux/completion.h>
#include <linux/workqueue.h>
#include <scsi/libiscsi.h>

#include "bed.h"
#include "teardown_orders.h"

struct order_bench {
	struct kunit		*test;
	struct bed		*bed;
	struct session		*s;
	bool			logged_in;	/* nothing is to be done for full feature */
	bool			bound;		/* since the last stop */
	struct test_cmd		*cmd[2];
	struct iscsi_task	*held;		/* by the error handler that is played */
	struct work_struct	unplug_work;
	struct completion	unplugged;
	bool			removed;
	bool			ended;		/* by iscsid: no failure is reported now */
	unsigned int		errors;		/* reported before that */
};

void bench_init(struct order_bench *b, struct kunit *test, bool roce);
void bench_set_up(struct order_bench *b, const struct order *o);
bool bench_event(struct order_bench *b, const struct order *o,
		 enum order_event event);
bool bench_wait_removal(struct order_bench *b);
void bench_give_up(struct order_bench *b);
void bench_expect_silence(struct order_bench *b);
void bench_late_put(struct order_bench *b);
void bench_login(struct order_bench *b);
unsigned int bench_conn_refs(struct order_bench *b);
unsigned int bench_idle_conn_refs(struct order_bench *b);
void bench_expect_nothing_left(struct order_bench *b);
void bench_expect_commands_done(struct order_bench *b);
void bench_recover(struct order_bench *b);

#endif
