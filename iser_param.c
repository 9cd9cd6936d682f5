// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: the module's parameters.
 *
 * A value outside a parameter's range is refused, with a line in the log that
 * names the range. On the command line and in modprobe.d the nearest value is
 * taken instead: an old setting must not keep a machine from its storage.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

#include "iscsi_iser.h"

/* A parameter that has a range. */
struct iser_param {
	int		*value;
	int		min;
	int		max;
	bool		has_default;	/* -1 is allowed as well: leave it to the CM */
};

bool iser_param_refuses;

static int iser_param_set(const char *text, const struct kernel_param *kp)
{
	const struct iser_param *param = kp->arg;
	const char *or_default = param->has_default ? ", or -1" : "";
	bool refuse = READ_ONCE(iser_param_refuses);
	int value;
	int err;

	err = kstrtoint(text, 0, &value);
	if (err) {
		pr_err("%s=%s is no number\n", kp->name, text);
		return err;
	}
	if ((value < param->min || value > param->max) &&
	    !(param->has_default && value == -1)) {
		pr_err("%s=%d: must be from %d to %d%s; %s\n", kp->name, value, param->min,
		       param->max, or_default, refuse ? "refused" : "taking the nearest");
		if (refuse)
			return -ERANGE;
		value = value < param->min ? param->min : param->max;
	}
	WRITE_ONCE(*param->value, value);
	return 0;
}

static int iser_param_get(char *buf, const struct kernel_param *kp)
{
	const struct iser_param *param = kp->arg;

	return sysfs_emit(buf, "%d\n", *param->value);
}

static const struct kernel_param_ops iser_param_ops = {
	.set = iser_param_set,
	.get = iser_param_get,
};

int iser_max_lun = 512;
/* LUNs of the flat addressing method are from 16384 on, others larger still. */
static struct iser_param iser_max_lun_param = { &iser_max_lun, 1, INT_MAX };
module_param_cb(max_lun, &iser_param_ops, &iser_max_lun_param, 0444);
MODULE_PARM_DESC(max_lun, "LUNs to look for on a target: all below this number (default 512)");

int iser_max_sectors = 1024;
static struct iser_param iser_max_sectors_param = { &iser_max_sectors, 8, 32768 };
module_param_cb(max_sectors, &iser_param_ops, &iser_max_sectors_param, 0644);
MODULE_PARM_DESC(max_sectors, "largest transfer in sectors of 512 bytes (8 to 32768, default 1024), for new sessions");

bool iser_pi_enable;
module_param_named(pi_enable, iser_pi_enable, bool, 0444);
MODULE_PARM_DESC(pi_enable, "T10 protection information where the device can do it (default N)");

int iser_pi_guard;
static struct iser_param iser_pi_guard_param = { &iser_pi_guard, 0, 1 };
module_param_cb(pi_guard, &iser_param_ops, &iser_pi_guard_param, 0444);
MODULE_PARM_DESC(pi_guard, "T10 guard tag: 0 CRC (default), 1 IP checksum");

static int iser_debug_level;
module_param_named(debug_level, iser_debug_level, int, 0644);
MODULE_PARM_DESC(debug_level, "accepted and without effect; see the trace events in events/iser");

int iser_ack_timeout = -1;
/* On the wire 0 means 'never'. */
static struct iser_param iser_ack_timeout_param = { &iser_ack_timeout, 1, 31, true };
module_param_cb(ack_timeout, &iser_param_ops, &iser_ack_timeout_param, 0644);
MODULE_PARM_DESC(ack_timeout, "how long to wait for an ACK, 4.096 us * 2^n (1 to 31; -1, default: the CM's choice), for new connections");

int iser_tos = -1;
static struct iser_param iser_tos_param = { &iser_tos, 0, 255, true };
module_param_cb(tos, &iser_param_ops, &iser_tos_param, 0644);
MODULE_PARM_DESC(tos, "type of service (0 to 255; -1, default: the CM's choice), for new connections");

int iser_port_down_grace_ms;
static struct iser_param iser_port_down_grace_param = {
	&iser_port_down_grace_ms, 0, 600000
};
module_param_cb(port_down_grace_ms, &iser_param_ops, &iser_port_down_grace_param, 0644);
MODULE_PARM_DESC(port_down_grace_ms, "how long a local port may be down before its connections fail (0 to 600000, default 0)");
