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
#include <linux/workqueue.h>

#include "fake_hca.h"

/* Moves the connection on if it is in @from; true goes to one caller. */
static bool fake_cm_move(struct fake_qp *qp, enum fake_cm_state from,
			 enum fake_cm_state to)
{
	unsigned long flags;
	bool moved;

	spin_lock_irqsave(&qp->hca->lock, flags);
	moved = qp->cm_state == from;
	if (moved)
		qp->cm_state = to;
	spin_unlock_irqrestore(&qp->hca->lock, flags);
	return moved;
}

static void fake_cm_event(struct fake_qp *qp, enum iw_cm_event_type type,
			  int status, const void *data, u8 len)
{
	struct iw_cm_event event = {
		.event = type,
		.status = status,
		.private_data = (void *)data,
		.private_data_len = len,
		.ird = 16,
		.ord = 16,
		.local_addr = qp->cm_id->local_addr,
		.remote_addr = qp->cm_id->remote_addr,
	};

	qp->cm_id->event_handler(qp->cm_id, &event);
}

static void fake_cm_drop_id(struct fake_qp *qp)
{
	struct iw_cm_id *cm_id = qp->cm_id;

	qp->cm_id = NULL;
	cm_id->rem_ref(cm_id);
}

/*
 * fake_cm_reply - the far end answers the connect
 * @status: 0; -ECONNREFUSED or -ECONNRESET: rejected; -ETIMEDOUT: unreachable
 */
void fake_cm_reply(struct fake_qp *qp, int status, const void *data, u8 len)
{
	enum fake_cm_state to = status ? FAKE_CM_CLOSED : FAKE_CM_UP;

	if (!fake_cm_move(qp, FAKE_CM_CONNECTING, to))
		return;
	if (!status)
		fake_qp_set_state(qp, IB_QPS_RTS);
	fake_cm_event(qp, IW_CM_EVENT_CONNECT_REPLY, status, data, len);
	if (status)
		fake_cm_drop_id(qp);
}

/* The far end closes, or the connection is lost. */
void fake_cm_close(struct fake_qp *qp)
{
	if (!fake_cm_move(qp, FAKE_CM_UP, FAKE_CM_CLOSED))
		return;
	fake_cm_event(qp, IW_CM_EVENT_CLOSE, 0, NULL, 0);
	fake_cm_drop_id(qp);
}

/* The far end is about to close. */
void fake_cm_disconnect(struct fake_qp *qp)
{
	if (qp->cm_state == FAKE_CM_UP)
		fake_cm_event(qp, IW_CM_EVENT_DISCONNECT, 0, NULL, 0);
}

static void fake_close_work(struct work_struct *work)
{
	struct fake_qp *qp = container_of(work, struct fake_qp, close_work);

	fake_cm_reply(qp, -ECONNREFUSED, NULL, 0);
	fake_cm_close(qp);
}

/* The queue pair has left RTS, or never came there; any context. */
void fake_iwarp_qp_down(struct fake_qp *qp)
{
	if (!qp->hca->hold_close)
		schedule_work(&qp->close_work);
}

static void fake_iw_put_qp(struct fake_qp *qp)
{
	if (refcount_dec_and_test(&qp->ref))
		complete(&qp->unreferenced);
}

void fake_iwarp_init_qp(struct fake_qp *qp)
{
	refcount_set(&qp->ref, 1);
	init_completion(&qp->unreferenced);
	INIT_WORK(&qp->close_work, fake_close_work);
}

/* Ends when the iWARP CM has handled the close that this brings about. */
void fake_iwarp_fini_qp(struct fake_qp *qp)
{
	cancel_work_sync(&qp->close_work);
	fake_close_work(&qp->close_work);
	fake_iw_put_qp(qp);
	wait_for_completion(&qp->unreferenced);
}

static void fake_iw_add_ref(struct ib_qp *ib)
{
	refcount_inc(&to_fqp(ib)->ref);
}

static void fake_iw_rem_ref(struct ib_qp *ib)
{
	fake_iw_put_qp(to_fqp(ib));
}

static struct ib_qp *fake_iw_get_qp(struct ib_device *ib, int qpn)
{
	struct fake_hca *hca = to_hca(ib);
	struct ib_qp *found = NULL;
	unsigned long flags;
	struct fake_qp *qp;

	spin_lock_irqsave(&hca->lock, flags);
	list_for_each_entry(qp, &hca->qps, node)
		if (qp->ib.qp_num == qpn)
			found = &qp->ib;
	spin_unlock_irqrestore(&hca->lock, flags);
	return found;
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
		fake_cm_reply(qp, 0, hca->accept_data, hca->accept_data_len);
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

const struct ib_device_ops fake_iwarp_ops = {
	.iw_add_ref		= fake_iw_add_ref,
	.iw_rem_ref		= fake_iw_rem_ref,
	.iw_get_qp		= fake_iw_get_qp,
	.iw_connect		= fake_iw_connect,
	.iw_accept		= fake_iw_accept,
	.iw_reject		= fake_iw_reject,
	.iw_create_listen	= fake_iw_create_listen,
	.iw_destroy_listen	= fake_iw_destroy_listen,
};
