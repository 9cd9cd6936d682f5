/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Orders of the events that end a connection: which there are, and which of
 * them cannot be, by which rule. Pure enumeration; running them is the business
 * of ib_iser_teardown_orders_kunit.c.
 */
#ifndef TEARDOWN_ORDERS_H
#define TEARDOWN_ORDERS_H

#include <linux/types.h>

#define ORDER_MAX	4

/* Where the connection is when the first event comes. */
enum order_state {
	ORDER_CONNECTING,	/* REQ sent, no answer yet */
	ORDER_UP,		/* connected, not bound */
	ORDER_BOUND,		/* bound, nothing sent */
	ORDER_LOGIN,		/* Login Request sent, no answer yet */
	ORDER_FULL,		/* full feature phase, idle */
	ORDER_BUSY,		/* a read and a write on their way */
	ORDER_STATES,
};

enum order_event {
	EV_DISCONNECTED,	/* CM: the peer closes */
	EV_UNREACHABLE,		/* CM: no answer */
	EV_ADDR_CHANGE,		/* CM: another source address */
	EV_WC_ERROR,		/* a completion with an error */
	EV_QP_EVENT,		/* an asynchronous event of the queue pair */
	EV_PORT_ERR,		/* the port goes down */
	EV_EP_DISCONNECT,	/* iscsid */
	EV_STOP,		/* iscsid */
	EV_LATE_PUT,		/* an error handler lets go of a task */
	EV_REMOVAL,		/* the device is unplugged */
	EV_MODULE_EXIT,
	EV_RELOGIN,		/* iscsid: what is left of the end, then a login */
	ORDER_EVENTS,
};

enum order_rule {
	RULE_NONE,		/* nothing forbids the order */
	RULE_MODULE_EXIT,
	RULE_ONCE,
	RULE_NO_DEVICE,
	RULE_NOT_CONNECTED,
	RULE_CONNECTED,
	RULE_ENDED,
	RULE_NOT_BOUND,
	RULE_NO_TASK,
	ORDER_RULES,
};

struct order {
	enum order_state	state;
	bool			roce;		/* else iWARP */
	bool			at_once;	/* else each event is dealt with first */
	unsigned int		n;
	enum order_event	event[ORDER_MAX];
};

struct order_counts {
	unsigned int		generated, run;
	unsigned int		missed;		/* events whose object was gone already */
	unsigned int		excluded[ORDER_RULES];
};

extern const char * const order_state_names[ORDER_STATES];
extern const char * const order_event_names[ORDER_EVENTS];
/* a short name and a sentence */
extern const char * const order_rule_names[ORDER_RULES][2];

void order_first(struct order *o, bool roce, enum order_state state,
		 bool at_once);
bool order_next(struct order *o, unsigned int max);
unsigned int order_count(unsigned int max);
enum order_rule order_rule(const struct order *o);
bool order_has(const struct order *o, enum order_event event);
void order_describe(const struct order *o, char *desc, size_t size);

#endif
