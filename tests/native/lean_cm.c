// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Connection management of the lean HCA. A connect is accepted at once; a queue pair
 * that leaves RTS, or is destroyed, closes its connection, for the iWARP CM holds a
 * reference until then.
 */
#include <linux/etherdevice.h>
#include <linux/workqueue.h>
#include <scsi/iser.h>

#include "lean_hca.h"

static void lean_cm_upcall(struct iw_cm_id *cm_id, enum iw_cm_event_type type,
			   const void *data, u8 len)
{
	struct iw_cm_event event = {
		.event = type,
		.ird = 16,
		.ord = 16,
		.local_addr = cm_id->local_addr,
		.remote_addr = cm_id->remote_addr,
		.private_data = (void *)data,
		.private_data_len = len,
	};

	cm_id->event_handler(cm_id, &event);
}

static int lean_connect(struct iw_cm_id *cm_id, struct iw_cm_conn_param *param)
{
	/* As LIO says it: it invalidates, and wants no zero-based addresses. */
	static const struct iser_cm_hdr answer = { .flags = ISER_ZBVA_NOT_SUP };
	struct lean_qp *qp = to_lean(cm_id->device)->qp;

	cm_id->add_ref(cm_id);
	qp->cm_id = cm_id;
	qp->state = IB_QPS_RTS;
	lean_cm_upcall(cm_id, IW_CM_EVENT_CONNECT_REPLY, &answer, sizeof(answer));
	return 0;
}

static void lean_cm_close(struct lean_qp *qp)
{
	struct iw_cm_id *cm_id = xchg(&qp->cm_id, NULL);

	if (!cm_id)
		return;
	lean_cm_upcall(cm_id, IW_CM_EVENT_CLOSE, NULL, 0);
	cm_id->rem_ref(cm_id);
}

static void lean_cm_close_work(struct work_struct *work)
{
	lean_cm_close(container_of(work, struct lean_qp, close_work));
}

void lean_cm_init_qp(struct lean_qp *qp)
{
	INIT_WORK(&qp->close_work, lean_cm_close_work);
}

/* The queue pair has left RTS. Later, for it may be the CM that has asked for it. */
void lean_cm_qp_down(struct lean_qp *qp)
{
	schedule_work(&qp->close_work);
}

void lean_cm_fini_qp(struct lean_qp *qp)
{
	cancel_work_sync(&qp->close_work);
	lean_cm_close(qp);
}

static void lean_iw_add_ref(struct ib_qp *ib)
{
	refcount_inc(&to_lean_qp(ib)->ref);
}

static void lean_iw_rem_ref(struct ib_qp *ib)
{
	lean_qp_put(to_lean_qp(ib));
}

static struct ib_qp *lean_iw_get_qp(struct ib_device *ib, int qpn)
{
	struct lean_qp *qp = to_lean(ib)->qp;

	return qp && qp->ib.qp_num == qpn ? &qp->ib : NULL;
}

static int lean_accept(struct iw_cm_id *cm_id, struct iw_cm_conn_param *param)
{
	return -EOPNOTSUPP;
}

static int lean_reject(struct iw_cm_id *cm_id, const void *data, u8 len)
{
	return -EOPNOTSUPP;
}

static int lean_create_listen(struct iw_cm_id *cm_id, int backlog)
{
	return -EOPNOTSUPP;
}

static int lean_destroy_listen(struct iw_cm_id *cm_id)
{
	return 0;
}

static int lean_port_immutable(struct ib_device *ib, u32 port,
			       struct ib_port_immutable *immutable)
{
	immutable->gid_tbl_len = 1;
	immutable->core_cap_flags = RDMA_CORE_PORT_IWARP;
	return 0;
}

static int lean_query_gid(struct ib_device *ib, u32 port, int index, union ib_gid *gid)
{
	memset(gid, 0, sizeof(*gid));
	memcpy(gid->raw, to_lean(ib)->netdev->dev_addr, ETH_ALEN);
	return 0;
}

const struct ib_device_ops lean_cm_ops = {
	.get_port_immutable	= lean_port_immutable,
	.query_gid		= lean_query_gid,
	.iw_add_ref		= lean_iw_add_ref,
	.iw_rem_ref		= lean_iw_rem_ref,
	.iw_get_qp		= lean_iw_get_qp,
	.iw_connect		= lean_connect,
	.iw_accept		= lean_accept,
	.iw_reject		= lean_reject,
	.iw_create_listen	= lean_create_listen,
	.iw_destroy_listen	= lean_destroy_listen,
};
