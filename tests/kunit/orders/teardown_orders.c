// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Every sequence of the events is generated, with repetitions, for two paces:
 * each event is dealt with before the next one comes, or all come at once. Then
 * order_rule() follows what the sequence would do to a connection, and names
 * the rule that forbids it: what iscsid, libiscsi's class and the hardware
 * cannot do. Nothing else is left out.
 *
 * At once means that nobody else has run in between, unless the event itself
 * waits; so what an event brings about later, such as the class's taking down
 * of a connection that has failed, counts only with the other pace.
 */
#include <linux/kernel.h>

#include "teardown_orders.h"

const char * const order_state_names[ORDER_STATES] = {
	[ORDER_CONNECTING]	= "connecting",
	[ORDER_UP]		= "connected, unbound",
	[ORDER_BOUND]		= "bound",
	[ORDER_LOGIN]		= "login",
	[ORDER_FULL]		= "full feature",
	[ORDER_BUSY]		= "commands in flight",
};

const char * const order_event_names[ORDER_EVENTS] = {
	[EV_DISCONNECTED]	= "disconnected",
	[EV_UNREACHABLE]	= "unreachable",
	[EV_ADDR_CHANGE]	= "addr change",
	[EV_WC_ERROR]		= "completion error",
	[EV_QP_EVENT]		= "QP event",
	[EV_PORT_ERR]		= "port error",
	[EV_EP_DISCONNECT]	= "ep_disconnect",
	[EV_STOP]		= "stop",
	[EV_LATE_PUT]		= "late put",
	[EV_REMOVAL]		= "removal",
	[EV_MODULE_EXIT]	= "module exit",
	[EV_RELOGIN]		= "re-login",
};

const char * const order_rule_names[ORDER_RULES][2] = {
	[RULE_MODULE_EXIT]	= { "module exit",
		"built in, it cannot be removed; its exit is tried with it loaded as such" },
	[RULE_ONCE]		= { "once",
		"an event comes once to a connection" },
	[RULE_NO_DEVICE]	= { "no device",
		"a device that is gone reports nothing, and nobody logs in over it" },
	[RULE_NOT_CONNECTED]	= { "not connected",
		"what is not connected, or not any more, can neither be closed nor complete" },
	[RULE_CONNECTED]	= { "connected",
		"an iWARP CM finds the peer unreachable while it connects, and never later" },
	[RULE_ENDED]		= { "ended",
		"nothing happens to a connection that has been taken down" },
	[RULE_NOT_BOUND]	= { "not bound",
		"what is not bound cannot be stopped" },
	[RULE_NO_TASK]		= { "no task",
		"error handlers hold tasks of commands that were in flight" },
};

/* Begins with the first order of one event. */
void order_first(struct order *o, bool roce, enum order_state state,
		 bool at_once)
{
	*o = (struct order) {
		.roce = roce,
		.state = state,
		.at_once = at_once,
		.n = 1,
	};
}

/* Goes on to the next order; false if there is none of up to @max events. */
bool order_next(struct order *o, unsigned int max)
{
	unsigned int i;

	for (i = 0; i < o->n; i++) {
		if (++o->event[i] < ORDER_EVENTS)
			return true;
		o->event[i] = 0;
	}
	if (o->n == max)
		return false;
	o->n++;
	return true;
}

/* How many that makes. */
unsigned int order_count(unsigned int max)
{
	unsigned int i, n = 1, sum = 0;

	for (i = 0; i < max; i++) {
		n *= ORDER_EVENTS;
		sum += n;
	}
	return sum;
}

bool order_has(const struct order *o, enum order_event event)
{
	unsigned int i;

	for (i = 0; i < o->n; i++)
		if (o->event[i] == event)
			return true;
	return false;
}

/* What there is when an event comes. */
struct order_model {
	bool	at_once, roce;
	bool	device;
	bool	exists;		/* the connection, for CM and HCA */
	bool	connecting, connected;
	bool	posted;		/* receives wait in its queue pair */
	bool	bound;
	bool	task_held;	/* by an error handler */
	u32	seen;		/* events, since the connection was made */
};

static enum order_rule model_forbids_hca_event(const struct order_model *m,
					       enum order_event event)
{
	if (!m->device)
		return RULE_NO_DEVICE;
	if (event == EV_PORT_ERR)
		return RULE_NONE;
	if (!m->exists)
		return RULE_ENDED;
	if (event == EV_DISCONNECTED && !m->connected)
		return RULE_NOT_CONNECTED;
	if (event == EV_WC_ERROR && (m->connecting || !m->posted))
		return RULE_NOT_CONNECTED;
	if (event == EV_UNREACHABLE && !m->connecting && !m->roce)
		return RULE_CONNECTED;
	return RULE_NONE;
}

static enum order_rule model_forbids(const struct order_model *m,
				     enum order_event event)
{
	if (event == EV_MODULE_EXIT)
		return RULE_MODULE_EXIT;
	if (m->seen & BIT(event))
		return RULE_ONCE;
	switch (event) {
	case EV_EP_DISCONNECT:
		return RULE_NONE;
	case EV_STOP:
		return m->bound ? RULE_NONE : RULE_NOT_BOUND;
	case EV_LATE_PUT:
		return m->task_held ? RULE_NONE : RULE_NO_TASK;
	case EV_REMOVAL:
	case EV_RELOGIN:
		return m->device ? RULE_NONE : RULE_NO_DEVICE;
	default:
		return model_forbids_hca_event(m, event);
	}
}

/* A new connection, to which everything may happen again. */
static void model_relogin(struct order_model *m)
{
	m->exists = true;
	m->connecting = false;
	m->connected = true;
	m->posted = true;
	m->bound = true;
	m->seen = 0;
}

/* A failure: the class takes down what is bound, the module what is not. */
static void model_fail(struct order_model *m, enum order_event event)
{
	if (event == EV_UNREACHABLE)
		m->connecting = false;
	if (!m->at_once)
		m->exists = false;
}

static void model_event(struct order_model *m, enum order_event event)
{
	m->seen |= BIT(event);
	switch (event) {
	case EV_EP_DISCONNECT:
		if (m->at_once)
			break;
		m->connecting = false;
		m->connected = false;
		m->posted = false;
		/* what is bound waits for the stop */
		if (!m->bound)
			m->exists = false;
		break;
	case EV_STOP:
		if (!m->at_once)
			m->exists = false;
		break;
	case EV_LATE_PUT:
		m->task_held = false;
		break;
	case EV_REMOVAL:
		m->device = false;
		m->exists = false;
		break;
	case EV_RELOGIN:
		model_relogin(m);
		break;
	default:
		model_fail(m, event);
		break;
	}
}

/* Which rule forbids the order, or RULE_NONE. */
enum order_rule order_rule(const struct order *o)
{
	struct order_model m = {
		.at_once = o->at_once,
		.roce = o->roce,
		.device = true,
		.exists = true,
		.connecting = o->state == ORDER_CONNECTING,
		.connected = o->state != ORDER_CONNECTING,
		.posted = true,
		.bound = o->state >= ORDER_BOUND,
		.task_held = o->state == ORDER_BUSY,
	};
	enum order_rule rule;
	unsigned int i;

	for (i = 0; i < o->n; i++) {
		rule = model_forbids(&m, o->event[i]);
		if (rule)
			return rule;
		model_event(&m, o->event[i]);
	}
	return RULE_NONE;
}

void order_describe(const struct order *o, char *desc, size_t size)
{
	unsigned int i;
	size_t len;

	len = scnprintf(desc, size, "%s, %s%s", o->roce ? "RoCE" : "iWARP",
			order_state_names[o->state],
			o->at_once ? ", at once" : "");
	for (i = 0; i < o->n; i++)
		len += scnprintf(desc + len, size - len, "%s%s",
				 i ? ", " : ": ", order_event_names[o->event[i]]);
}
