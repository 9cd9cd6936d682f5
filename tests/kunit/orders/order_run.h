/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Bringing a connection to where an order begins, and making the order's events
 * happen to it. One run serves many orders: HCA and session stay as long as
 * what an order has left behind is nothing.
 */
#ifndef ORDER_RUN_H
#define ORDER_RUN_H

#include <linux/completion.h>
#include <linux/workqueue.h>
#include <scsi/libiscsi.h>

#include "bed.h"
#include "teardown_orders.h"

struct order_run {
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

void order_run_init(struct order_run *b, struct kunit *test, bool roce);
void order_run_set_up(struct order_run *b, const struct order *o);
bool order_run_event(struct order_run *b, const struct order *o,
		     enum order_event event);
bool order_run_wait_removal(struct order_run *b);
void order_run_give_up(struct order_run *b);
void order_run_expect_silence(struct order_run *b);
void order_run_late_put(struct order_run *b);
void order_run_login(struct order_run *b);
unsigned int order_run_conn_refs(struct order_run *b);
unsigned int order_run_idle_conn_refs(struct order_run *b);
void order_run_expect_nothing_left(struct order_run *b);
void order_run_expect_commands_done(struct order_run *b);
void order_run_recover(struct order_run *b);

#endif
