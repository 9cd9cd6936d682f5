// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Connection management of the fake HCA as an iWARP device: the driver's own,
 * so that each event comes exactly when the test wants it.
 *
 * A connect is accepted at once, or held (hca->hold_connects) until the test
 * replies. A queue pair that leaves RTS closes its connection, as a driver's
 * would, by itself or, held (hca->hold_close), when the test says so; one that
 * is destroyed always does, for the iWARP CM holds a reference until then.
 */
#include <linux/etherdevice.h>
#include <linux/workqueue.h>

#include "fake_parts.h"

static struct iw_cm_event fake_iw_event(struct fake_qp *qp,
					enum iw_cm_event_type type, int status)
{
	return (struct iw_cm_event) {
		.event = type,
		.status = status,
		.ird = 16,
		.ord = 16,
		.local_addr = qp->cm_id->local_addr,
		.remote_addr = qp->cm_id->remote_addr,
	};
}

static void fake_iw_upcall(struct fake_qp *qp, enum iw_cm_event_type type,
			   int status, const void *data, u8 len)
{
	struct iw_cm_event event = fake_iw_event(qp, type, status);

	event.private_data = (void *)data;
	event.private_data_len = len;
	qp->cm_id->event_handler(qp->cm_id, &event);
}

static void fake_iw_drop_id(struct fake_qp *qp)
{
	struct iw_cm_id *cm_id = qp->cm_id;

	qp->cm_id = NULL;
	cm_id->rem_ref(cm_id);
}

static void fake_iw_reply(struct fake_qp *qp, int status, const void *data,
			  u8 len)
{
	enum fake_cm_state to = status ? FAKE_CM_CLOSED : FAKE_CM_UP;

	if (!fake_cm_move(qp, FAKE_CM_CONNECTING, to))
		return;
	if (!status)
		fake_qp_set_state(qp, IB_QPS_RTS);
	fake_iw_upcall(qp, IW_CM_EVENT_CONNECT_REPLY, status, data, len);
	if (status)
		fake_iw_drop_id(qp);
}

static void fake_iw_close(struct fake_qp *qp)
{
	if (!fake_cm_move(qp, FAKE_CM_UP, FAKE_CM_CLOSED))
		return;
	fake_iw_upcall(qp, IW_CM_EVENT_CLOSE, 0, NULL, 0);
	fake_iw_drop_id(qp);
}

/* The far end is about to close. */
static void fake_iw_disconnect(struct fake_qp *qp)
{
	if (qp->cm_state == FAKE_CM_UP)
		fake_iw_upcall(qp, IW_CM_EVENT_DISCONNECT, 0, NULL, 0);
}

/*
 * Past the iWARP CM, to which a connection that is up cannot become
 * unreachable. The reference keeps the queue pair, and with it the ULP's id.
 */
static void fake_iw_lose_peer(struct fake_qp *qp)
{
	struct iw_cm_event event;

	if (!refcount_inc_not_zero(&qp->ref))
		return;
	if (qp->cm_state == FAKE_CM_UP) {
		event = fake_iw_event(qp, IW_CM_EVENT_CONNECT_REPLY, -ETIMEDOUT);
		qp->cm_id->cm_handler(qp->cm_id, &event);
	}
	fake_qp_put(qp);
}

static void fake_close_work(struct work_struct *work)
{
	struct fake_qp *qp = container_of(work, struct fake_qp, close_work);

	fake_iw_reply(qp, -ECONNREFUSED, NULL, 0);
	fake_iw_close(qp);
}

static void fake_iw_qp_down(struct fake_qp *qp)
{
	if (!qp->hca->hold_close)
		schedule_work(&qp->close_work);
}

static void fake_iw_init_qp(struct fake_qp *qp)
{
	INIT_WORK(&qp->close_work, fake_close_work);
}

/* The close makes the iWARP CM drop its reference. */
static void fake_iw_fini_qp(struct fake_qp *qp)
{
	cancel_work_sync(&qp->close_work);
	fake_close_work(&qp->close_work);
}

static void fake_iw_add_ref(struct ib_qp *ib)
{
	refcount_inc(&to_fqp(ib)->ref);
}

static void fake_iw_rem_ref(struct ib_qp *ib)
{
	fake_qp_put(to_fqp(ib));
}

static struct ib_qp *fake_iw_get_qp(struct ib_device *ib, int qpn)
{
	struct fake_qp *qp = fake_qp_find(to_hca(ib), qpn);

	if (!qp)
		return NULL;
	/* The caller takes its own, and keeps the queue pair until then. */
	fake_qp_put(qp);
	return &qp->ib;
}

static int fake_iw_connect(struct iw_cm_id *cm_id,
			   struct iw_cm_conn_param *param)
{
	struct fake_hca *hca = to_hca(cm_id->device);
	struct ib_qp *ib = fake_iw_get_qp(cm_id->device, param->qpn);
	struct fake_qp *qp;

	if (!ib || param->private_data_len > FAKE_MAX_CONNECT_DATA)
		return -EINVAL;
	if (fake_verb_fails(hca, FAKE_CONNECT))
		return -ENOMEM;
	qp = to_fqp(ib);
	qp->cm_param = *param;
	memcpy(qp->cm_data, param->private_data, param->private_data_len);
	cm_id->add_ref(cm_id);
	qp->cm_id = cm_id;
	qp->cm_state = FAKE_CM_CONNECTING;
	hca->n_connects++;
	if (!hca->hold_connects)
		fake_iw_reply(qp, 0, hca->accept_data, hca->accept_data_len);
	return 0;
}

static int fake_iw_accept(struct iw_cm_id *cm_id,
			  struct iw_cm_conn_param *param)
{
	return -EOPNOTSUPP;
}

static int fake_iw_reject(struct iw_cm_id *cm_id, const void *data, u8 len)
{
	return -EOPNOTSUPP;
}

static int fake_iw_create_listen(struct iw_cm_id *cm_id, int backlog)
{
	return -EOPNOTSUPP;
}

static int fake_iw_destroy_listen(struct iw_cm_id *cm_id)
{
	return 0;
}

static int fake_iw_port_immutable(struct ib_device *ib, u32 port,
				  struct ib_port_immutable *immutable)
{
	immutable->gid_tbl_len = 1;
	immutable->core_cap_flags = RDMA_CORE_PORT_IWARP;
	return 0;
}

static int fake_iw_query_gid(struct ib_device *ib, u32 port, int index,
			     union ib_gid *gid)
{
	memset(gid, 0, sizeof(*gid));
	memcpy(gid->raw, to_hca(ib)->netdev->dev_addr, ETH_ALEN);
	return 0;
}

static const struct ib_device_ops fake_iwarp_ops = {
	.get_port_immutable	= fake_iw_port_immutable,
	.query_gid		= fake_iw_query_gid,
	.iw_add_ref		= fake_iw_add_ref,
	.iw_rem_ref		= fake_iw_rem_ref,
	.iw_get_qp		= fake_iw_get_qp,
	.iw_connect		= fake_iw_connect,
	.iw_accept		= fake_iw_accept,
	.iw_reject		= fake_iw_reject,
	.iw_create_listen	= fake_iw_create_listen,
	.iw_destroy_listen	= fake_iw_destroy_listen,
};

const struct fake_cm fake_iwarp = {
	.ops		= &fake_iwarp_ops,
	.node_type	= RDMA_NODE_RNIC,
	.init_qp	= fake_iw_init_qp,
	.fini_qp	= fake_iw_fini_qp,
	.qp_down	= fake_iw_qp_down,
	.reply		= fake_iw_reply,
	.disconnect	= fake_iw_disconnect,
	.close		= fake_iw_close,
	.lose_peer	= fake_iw_lose_peer,
};
