/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the kernels before the newest lack. The other files are written for the
 * newest; Kbuild finds out what this one's headers offer (ISER_HAVE_...), for
 * its version says little: distributions backport.
 */
#ifndef _ISER_COMPAT_H
#define _ISER_COMPAT_H

#include <linux/device/bus.h>
#include <linux/slab.h>

#include <scsi/libiscsi.h>

#ifndef ISER_HAVE_CONST_HOST_TEMPLATE
/* SCSI writes to a template only if that has show_info: iser_host_template has not. */
static inline struct Scsi_Host *
iser_compat_host_alloc(const struct scsi_host_template *sht, int dd_data_size,
		       bool xmit_can_sleep)
{
	return iscsi_host_alloc((struct scsi_host_template *)sht, dd_data_size,
				xmit_can_sleep);
}

#define iscsi_host_alloc iser_compat_host_alloc
#endif

#ifndef ISER_HAVE_CONST_BUS_TYPE
/* A bus_type is not const there. What is changed is not in it. */
#define bus_register_notifier(bus, notifier) \
	bus_register_notifier((void *)(bus), notifier)
#define bus_unregister_notifier(bus, notifier) \
	bus_unregister_notifier((void *)(bus), notifier)
#endif

#ifndef ISER_HAVE_KZALLOC_OBJ
#define kzalloc_obj(obj, gfp)	kzalloc(sizeof(obj), gfp)
#endif

#endif /* _ISER_COMPAT_H */
