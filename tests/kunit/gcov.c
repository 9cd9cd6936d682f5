// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Coverage of the module, with gcc's own run-time library: User-mode Linux is a
 * process, whose constructors have told the library of each object's counters.
 * The kernel does not leave through exit() in an order to be relied on, so that
 * they are written, to files beside the objects, when it halts.
 */
#include <linux/init.h>
#include <linux/notifier.h>
#include <linux/reboot.h>

void __gcov_dump(void);

static int gcov_reboot(struct notifier_block *nb, unsigned long event,
		       void *data)
{
	__gcov_dump();
	return NOTIFY_DONE;
}

static struct notifier_block gcov_nb = {
	.notifier_call = gcov_reboot,
};

static int __init gcov_start(void)
{
	return register_reboot_notifier(&gcov_nb);
}
late_initcall(gcov_start);
