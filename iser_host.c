// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: the SCSI hosts, one for each session: what they promise, and
 * their place in the device tree.
 *
 * A session outlives devices, and its host must not. So each host watches its
 * parent's bus. If the parent is removed, the host moves away; its disks get an
 * event. A driver or RDMA device that comes and goes while the hardware stays
 * moves nothing.
 */
#include <linux/platform_device.h>
#include <linux/sched/mm.h>

#include "iscsi_iser.h"

/**
 * iser_host_fits - can a host that was made for one device work with another?
 * @shost: of a session that is being bound
 * @device: of the connection that it is bound to
 *
 * Context: process, setup_mutex held.
 * Return: whether all that was promised to SCSI holds there, too.
 */
bool iser_host_fits(struct Scsi_Host *shost, struct iser_device *device)
{
	return shost->max_sectors <= device->max_sectors &&
	       shost->max_segment_size <= ib_dma_max_seg_size(device->ibdev) &&
	       shost->can_queue <= device->max_cmds &&
	       iser_pi_fits(shost, device) &&
	       (shost->virt_boundary_mask & device->virt_boundary) ==
	       device->virt_boundary;
}

/**
 * iser_host_limit - promise what the device and the parameters allow
 * @shost: new
 * @device: of its session's first connection
 *
 * Context: process; create_session, one at a time.
 */
void iser_host_limit(struct Scsi_Host *shost, struct iser_device *device)
{
	/* Whole pages, or a buffer would need one more than an MR has. */
	u32 max_sectors = round_down(min_t(u32, READ_ONCE(iser_max_sectors),
					   device->max_sectors),
				     ISER_MR_PAGE_SIZE / SECTOR_SIZE);

	shost->can_queue = device->max_tasks;
	shost->max_sectors = max_sectors;
	shost->sg_tablesize = min_t(u32, SG_MAX_SEGMENTS,
				    max_sectors * SECTOR_SIZE / ISER_MR_PAGE_SIZE + 1);
	shost->virt_boundary_mask = device->virt_boundary;
	shost->max_segment_size = ib_dma_max_seg_size(device->ibdev);
	iser_pi_limit_host(shost, device);
}

/* What has read a disk's path, as multipathd has, reads it again at a change. */
static int iser_host_announce(struct device *dev, void *unused)
{
	if (dev->devt)
		kobject_uevent(&dev->kobj, KOBJ_CHANGE);
	return device_for_each_child(dev, NULL, iser_host_announce);
}

static void iser_host_move_away(struct iser_host *host)
{
	struct device *dev = &host->shost->shost_gendev;
	unsigned int noio = memalloc_noio_save();
	int err;

	lockdep_assert_held(&host->lock);
	err = device_move(dev, &platform_bus, DPM_ORDER_NONE);
	if (err) {
		shost_printk(KERN_ERR, host->shost,
			     "iSER: the host could not leave a device that is removed (%d)\n", err);
		goto out_restore;
	}
	/* A host has a reference on its parent, which its release puts. */
	get_device(&platform_bus);
	put_device(host->parent);
	device_for_each_child(dev, NULL, iser_host_announce);

out_restore:
	memalloc_noio_restore(noio);
}

/* No driver is left at the parent, and so no new host of ours can come to it. */
static int iser_host_bus_event(struct notifier_block *notifier, unsigned long event,
			       void *dev)
{
	struct iser_host *host = container_of(notifier, struct iser_host, notifier);
	bool leaving;

	if (event != BUS_NOTIFY_REMOVED_DEVICE || dev != READ_ONCE(host->parent))
		return NOTIFY_DONE;
	mutex_lock(&host->lock);
	leaving = host->leaving;
	if (!leaving)
		iser_host_move_away(host);
	mutex_unlock(&host->lock);
	/* Ends without any I/O: no disk is left. */
	if (leaving)
		wait_for_completion(&host->removed);
	/* A session lives on, but a driver with the parent's release function may not. */
	WRITE_ONCE(host->parent, NULL);
	put_device(dev);
	return NOTIFY_OK;
}

static void iser_host_forget_parent(struct iser_host *host)
{
	if (!host->bus)
		return;
	/* Waits for an event that is being handled, which waits for nobody by now. */
	bus_unregister_notifier(host->bus, &host->notifier);
	put_device(host->parent);
}

/**
 * iser_host_add - give a host its place in the device tree
 * @shost: limited to what the device can do
 * @device: of its session's first connection, held by the caller
 *
 * Below the HCA's own parent, mostly a PCI function, as long as that is there:
 * udev makes names of it, and the queues are on its NUMA node.
 *
 * Context: process, create_session. iser_host_remove() undoes it.
 * Return: 0 or a negative errno.
 */
int iser_host_add(struct Scsi_Host *shost, struct iser_device *device)
{
	struct device *parent = device->ibdev->dev.parent;
	struct iser_host *host = iscsi_host_priv(shost);
	int err;

	host->shost = shost;
	mutex_init(&host->lock);
	init_completion(&host->removed);
	if (parent && parent->bus) {
		host->notifier.notifier_call = iser_host_bus_event;
		err = bus_register_notifier(parent->bus, &host->notifier);
		if (err)
			return err;
		host->bus = parent->bus;
		host->parent = get_device(parent);
	}
	err = iscsi_host_add(shost, host->parent);
	if (err) {
		iser_host_forget_parent(host);
		return err;
	}
	/* SCSI reads it for each new disk, and the HCA may be gone by then. */
	shost->dma_dev = &platform_bus;
	return 0;
}

/**
 * iser_host_remove - take a host out of the device tree
 * @shost: has no disk any more
 *
 * Context: process. May wait for the removal of its parent, and the removal
 * waits for it.
 */
void iser_host_remove(struct Scsi_Host *shost)
{
	struct iser_host *host = iscsi_host_priv(shost);
	struct device *parent;

	mutex_lock(&host->lock);
	host->leaving = true;
	mutex_unlock(&host->lock);
	iscsi_host_remove(shost, false);
	/* Whoever has a disk open keeps the host, which would keep its parent. */
	parent = shost->shost_gendev.parent;
	shost->shost_gendev.parent = get_device(&platform_bus);
	put_device(parent);
	complete_all(&host->removed);
	iser_host_forget_parent(host);
}
