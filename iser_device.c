// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: the RDMA devices.
 *
 * The ib_client's add callback makes a struct iser_device and publishes it as
 * client data; connections find it there when the CM has resolved their
 * address. A lookup is an RCU read plus a reference that can be refused, so it
 * may race with the removal. Each connection keeps its reference until its
 * release has returned everything to the device.
 *
 * Removal (iser_device_remove()) does everybody's part itself, for nobody else
 * need be alive: it tells libiscsi, shuts each connection down, and supplies
 * the stop that iscsid or the class would have given. Then it waits for the
 * last reference. Nothing that it waits for waits for the peer or for user
 * space. The core calls clients in the reverse of their registration, so this
 * happens before the CM looks at its ids; a connection that turns up later
 * finds no client data, and the CM's DEVICE_REMOVAL ends it.
 *
 * Port and GID events end the connections that they concern at once; they are
 * the fastest way to learn that a path is dead.
 */
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include <rdma/ib_cache.h>

#include "iscsi_iser.h"
#include "iser_trace.h"

static struct ib_client iser_ib_client;

/**
 * iser_device_hold - keep the device from being removed
 * @device: of a connection whose setup is locked
 *
 * Context: process; until iser_device_put(), for as long as nothing waits for
 * the peer or for user space.
 */
void iser_device_hold(struct iser_device *device)
{
	refcount_inc(&device->ref);
}

/**
 * iser_device_put - drop a reference, for whose end the removal waits
 * @device: not to be used after this
 *
 * Context: any.
 */
void iser_device_put(struct iser_device *device)
{
	if (refcount_dec_and_test(&device->ref))
		complete(&device->unused);
}

static struct iser_device *iser_device_get(struct ib_device *ibdev)
{
	struct iser_device *device;

	rcu_read_lock();
	device = ib_get_client_data(ibdev, &iser_ib_client);
	if (device && !refcount_inc_not_zero(&device->ref))
		device = NULL;
	rcu_read_unlock();
	return device;
}

/**
 * iser_device_attach - let a connection use the device it was routed to
 * @conn: connection without a device
 * @ibdev: what the CM found
 *
 * Context: CM callback, setup_mutex held.
 * Return: 0, or -EOPNOTSUPP if the device lacks what iSER needs or is going.
 */
int iser_device_attach(struct iser_conn *conn, struct ib_device *ibdev)
{
	struct iser_device *device = iser_device_get(ibdev);
	bool removing;

	if (!device)
		return -EOPNOTSUPP;
	spin_lock(&device->conns_lock);
	removing = device->removing;
	if (!removing) {
		list_add_tail(&conn->device_entry, &device->conns);
		conn->device = device;
		conn->ibdev = ibdev;
		strscpy(conn->device_name, dev_name(&ibdev->dev),
			sizeof(conn->device_name));
	}
	spin_unlock(&device->conns_lock);
	if (removing)
		iser_device_put(device);
	return removing ? -EOPNOTSUPP : 0;
}

/**
 * iser_device_detach - give the device back
 * @conn: connection that owns nothing on it any more
 */
void iser_device_detach(struct iser_conn *conn)
{
	struct iser_device *device = conn->device;

	if (!device)
		return;
	spin_lock(&device->conns_lock);
	list_del_init(&conn->device_entry);
	spin_unlock(&device->conns_lock);
	iser_device_put(device);
}

/**
 * iser_device_check_gid - fail a connection whose own address is gone
 * @conn: connection with a device
 *
 * Context: any but hard irq.
 */
void iser_device_check_gid(struct iser_conn *conn)
{
	union ib_gid gid;
	bool watched;

	spin_lock_irq(&conn->state_lock);
	watched = conn->state == ISER_CONN_UP && conn->sgid_index >= 0;
	spin_unlock_irq(&conn->state_lock);
	/* The same address at another place, as of another netdev, is of no use. */
	if (watched &&
	    rdma_query_gid(conn->ibdev, conn->port, conn->sgid_index, &gid))
		iser_conn_fail(conn, "the local address is gone", -EADDRNOTAVAIL);
}

static void iser_device_event(struct ib_event_handler *handler, struct ib_event *event)
{
	struct iser_device *device = container_of(handler, struct iser_device,
						  event_handler);
	struct iser_conn *conn;

	trace_iser_device_event(device->ibdev, event);
	spin_lock(&device->conns_lock);
	list_for_each_entry(conn, &device->conns, device_entry) {
		switch (event->event) {
		case IB_EVENT_DEVICE_FATAL:
			iser_conn_fail(conn, "the device failed", -EIO);
			break;
		case IB_EVENT_PORT_ERR:
			if (conn->port == event->element.port_num)
				iser_conn_port_down(conn);
			break;
		case IB_EVENT_GID_CHANGE:
			if (conn->port == event->element.port_num)
				iser_device_check_gid(conn);
			break;
		default:
			break;
		}
	}
	spin_unlock(&device->conns_lock);
}

/**
 * iser_device_recvs - how many receives a session needs
 * @cmds: commands that SCSI may have out
 *
 * Return: one for each response that can be due, and some for what targets send
 * unasked.
 */
u32 iser_device_recvs(u32 cmds)
{
	return cmds + ISCSI_MGMT_CMDS_MAX + ISER_UNEXPECTED_PDUS;
}

/*
 * Does this kind of device send inline what a kernel client gives it? That it names a
 * size for inline data does not say so: bnxt_re, for one, sends nothing then, and
 * hns lets headers of 76 bytes overlap. So these are the ones whose drivers have been
 * read with that in mind.
 */
static bool iser_device_inlines(struct ib_device *ibdev)
{
	switch (ibdev->ops.driver_id) {
	case RDMA_DRIVER_CXGB4:
	case RDMA_DRIVER_ERDMA:
	case RDMA_DRIVER_IRDMA:
	case RDMA_DRIVER_MLX5:
	case RDMA_DRIVER_RXE:
		return true;
	default:
		return false;
	}
}

/*
 * All queues' sizes, and what fits into them: every other file takes them from
 * here. One entry of each queue, and of the CQ for each, is the drain's. With it,
 * and one that some providers need themselves, the send queue fills a power of two,
 * to which many round up. False: too little for iSER.
 */
static bool iser_device_size_queues(struct iser_device *device)
{
	const struct ib_device_attr *attrs = &device->ibdev->attrs;
	u32 qp_wrs = attrs->max_qp_wr;
	u32 cqes = attrs->max_cqe;
	u32 cmd_wrs, most;

	device->reg_wrs = device->prot_caps ? ISER_PI_REG_WRS : 1;
	/* With its SEND, and the LOCAL_INV that it may come to need. */
	cmd_wrs = device->reg_wrs + 2;
	device->sq_wrs = min_t(u32, 2 * ISER_CMDS_MAX - 2, qp_wrs - 1);
	device->sq_wrs = min(device->sq_wrs, (cqes - 2) / 3 * 2);
	if (iser_device_inlines(device->ibdev))
		device->sq_unsignalled = min_t(u32, ISER_UNSIGNALLED_WRS,
					       device->sq_wrs / 8);
	most = device->sq_wrs - device->sq_unsignalled - ISER_CONTROL_WRS;
	device->rq_wrs = min3(iser_device_recvs(most / cmd_wrs), qp_wrs - 1,
			      cqes - 2 - device->sq_wrs);
	if (device->rq_wrs < iser_device_recvs(1) ||
	    device->sq_wrs < ISCSI_TOTAL_CMDS_MIN * cmd_wrs + ISER_CONTROL_WRS)
		return false;
	device->cq_entries = device->rq_wrs + device->sq_wrs + 2;
	device->max_cmds = min(most / cmd_wrs, device->rq_wrs - iser_device_recvs(0));
	device->max_tasks = min_t(u32, ISER_CMDS_MAX,
				  roundup_pow_of_two(device->max_cmds +
						     ISCSI_MGMT_CMDS_MAX));
	return true;
}

/*
 * Where data is bounced (swiotlb), a piece of it keeps its offset within a page
 * only if the device asks for that, and without it the pieces of a scatter list
 * do not fit an MR's list of pages. Others use the device, too: more may be
 * asked for, and never less.
 */
static void iser_device_align_dma(struct iser_device *device)
{
	struct device *dma_device = device->ibdev->dma_device;

	if (dma_device && dma_device->dma_parms && device->virt_boundary)
		dma_set_min_align_mask(dma_device, dma_get_min_align_mask(dma_device) |
						   device->virt_boundary);
}

/* What one MR can describe. */
static void iser_device_limit_sectors(struct iser_device *device)
{
	u64 sectors;

	/* A buffer that starts inside a page needs one page more than its size. */
	sectors = (u64)(device->mr_pages - 1) * (ISER_MR_PAGE_SIZE / SECTOR_SIZE);
	/* After the alignment, which takes something of it. */
	if (device->ibdev->dma_device)
		sectors = min_t(u64, sectors,
				dma_max_mapping_size(device->ibdev->dma_device) /
				SECTOR_SIZE);
	/* Whole pages, or a buffer would need one more than an MR has. */
	device->max_sectors = round_down(min_t(u64, sectors, S32_MAX),
					 ISER_MR_PAGE_SIZE / SECTOR_SIZE);
}

/* Derive what a connection may ask of the device. False: too little for iSER. */
static bool iser_device_query(struct iser_device *device)
{
	const struct ib_device_attr *attrs = &device->ibdev->attrs;

	if (!(attrs->device_cap_flags & IB_DEVICE_MEM_MGT_EXTENSIONS) ||
	    attrs->max_fast_reg_page_list_len < 2 || attrs->max_send_sge < 2)
		return false;
	device->send_sges = min_t(u32, ISER_SEND_SGES, attrs->max_send_sge);
	if (attrs->max_recv_sge > 1) {
		device->recv_sges = 2;
		device->recv_size = ISER_RECV_SIZE;
	} else {
		device->recv_sges = 1;
		device->recv_size = ISER_RECV_SIZE + ISER_OVERFLOW_SIZE;
	}
	if (attrs->kernel_cap_flags & IBK_SG_GAPS_REG) {
		device->mr_type = IB_MR_TYPE_SG_GAPS;
		device->virt_boundary = 0;
	} else {
		device->mr_type = IB_MR_TYPE_MEM_REG;
		device->virt_boundary = ISER_MR_PAGE_SIZE - 1;
	}
	device->mr_pages = attrs->max_fast_reg_page_list_len;
	/*
	 * siw lets a target invalidate a key that is not valid. So an invalidation may
	 * have come before the REG_MR was executed.
	 */
	device->doubts_inv = device->ibdev->ops.driver_id == RDMA_DRIVER_SIW;
	iser_pi_query_device(device);
	if (!iser_device_size_queues(device))
		return false;
	iser_device_align_dma(device);
	iser_device_limit_sectors(device);
	return true;
}

static int iser_device_add(struct ib_device *ibdev)
{
	struct iser_device *device;

	device = kzalloc_obj(*device, GFP_KERNEL);
	if (!device)
		return -ENOMEM;
	device->ibdev = ibdev;
	if (!iser_device_query(device)) {
		ibdev_info(ibdev, "iSER cannot use this device: no fast memory registration, or queues too short\n");
		kfree(device);
		return -EOPNOTSUPP;
	}
	refcount_set(&device->ref, 1);
	init_completion(&device->unused);
	spin_lock_init(&device->conns_lock);
	INIT_LIST_HEAD(&device->conns);
	/* Before the data is published, for a connection relies on events. */
	INIT_IB_EVENT_HANDLER(&device->event_handler, ibdev, iser_device_event);
	ib_register_event_handler(&device->event_handler);
	ib_set_client_data(ibdev, &iser_ib_client, device);
	return 0;
}

/* Take a connection from the head of @from, with a reference, over to @to. */
static struct iser_conn *iser_device_next(struct iser_device *device,
					  struct list_head *from,
					  struct list_head *to)
{
	struct iser_conn *conn;

	spin_lock(&device->conns_lock);
	conn = list_first_entry_or_null(from, struct iser_conn, device_entry);
	if (conn) {
		/* Its release has not come to iser_device_detach() yet. */
		iser_conn_get(conn);
		list_move_tail(&conn->device_entry, to);
	}
	spin_unlock(&device->conns_lock);
	return conn;
}

static void iser_device_remove(struct ib_device *ibdev, void *client_data)
{
	struct iser_device *device = client_data;
	struct iser_conn *conn;
	LIST_HEAD(failed);
	LIST_HEAD(stopped);

	ib_unregister_event_handler(&device->event_handler);
	ib_set_client_data(ibdev, &iser_ib_client, NULL);
	spin_lock(&device->conns_lock);
	device->removing = true;
	spin_unlock(&device->conns_lock);

	/* All flushes are under way before the first of them is waited for. */
	while ((conn = iser_device_next(device, &device->conns, &failed))) {
		iser_conn_fail(conn, "the device is removed", -ENODEV);
		flush_work(&conn->fail_work);
		iser_conn_shutdown(conn);
		iser_conn_put(conn);
	}
	while ((conn = iser_device_next(device, &failed, &stopped))) {
		iser_conn_stop(conn);
		iser_conn_put(conn);
	}
	iser_device_put(device);
	/* Ends when the releases have run, which wait for nobody. */
	wait_for_completion(&device->unused);
	kfree_rcu(device, rcu);
}

static struct ib_client iser_ib_client = {
	.name = "iser",
	.add = iser_device_add,
	.remove = iser_device_remove,
};

/**
 * iser_device_register_client - begin to follow devices
 *
 * Return: 0 or a negative errno.
 */
int iser_device_register_client(void)
{
	return ib_register_client(&iser_ib_client);
}

/**
 * iser_device_unregister_client - stop following devices
 *
 * Ends all connections, and returns when they own nothing any more.
 */
void iser_device_unregister_client(void)
{
	ib_unregister_client(&iser_ib_client);
}
