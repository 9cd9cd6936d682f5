// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Queue pairs of the fake HCA: their states and their life. What goes on in the
 * send queue is in fake_send.c, the receive queue in fake_recv.c. In the error
 * state everything is flushed, what is posted later too.
 */
#include <linux/slab.h>

#include "fake_parts.h"

void fake_qp_kick(struct fake_qp *qp)
{
	fake_cq_kick(to_fcq(qp->ib.send_cq));
	fake_cq_kick(to_fcq(qp->ib.recv_cq));
}

void fake_qp_push(struct fake_qp *qp, u64 wr_id,
		  enum ib_wc_status status, enum ib_wc_opcode opcode,
		  unsigned int n_slots)
{
	struct fake_cqe cqe = {
		.wc = {
			.wr_id = wr_id,
			.status = status,
			.opcode = opcode,
			.qp = &qp->ib,
		},
		.qp = qp,
		.n_slots = n_slots,
		.recv = opcode == IB_WC_RECV,
	};

	fake_cq_push(to_fcq(cqe.recv ? qp->ib.recv_cq : qp->ib.send_cq), &cqe);
}

enum ib_wc_opcode fake_wc_opcode(enum ib_wr_opcode opcode)
{
	switch (opcode) {
	case IB_WR_REG_MR:
	case IB_WR_REG_MR_INTEGRITY:
		return IB_WC_REG_MR;
	case IB_WR_LOCAL_INV:
		return IB_WC_LOCAL_INV;
	default:
		return IB_WC_SEND;
	}
}

void fake_qp_flush_rq(struct fake_qp *qp)
{
	struct fake_recv *recv, *next;

	list_for_each_entry_safe(recv, next, &qp->rq, node) {
		fake_qp_push(qp, recv->wr_id, IB_WC_WR_FLUSH_ERR, IB_WC_RECV, 1);
		list_del(&recv->node);
		kfree(recv);
	}
}

void fake_qp_flush_sq(struct fake_qp *qp)
{
	struct fake_wr *wr, *next;

	list_for_each_entry_safe(wr, next, &qp->sq, node) {
		fake_qp_push(qp, wr->wr_id, IB_WC_WR_FLUSH_ERR,
			     fake_wc_opcode(wr->opcode), wr->slots);
		list_del(&wr->node);
		kfree(wr);
	}
}

void fake_qp_set_state_locked(struct fake_qp *qp, enum ib_qp_state state)
{
	lockdep_assert_held(&qp->hca->lock);
	qp->state = state;
	if (state == IB_QPS_ERR && !qp->hca->slow_flush) {
		fake_qp_flush_rq(qp);
		fake_qp_flush_sq(qp);
	}
}

/*
 * fake_qp_find - the queue pair of this number, with a reference
 *
 * Its destruction waits for the reference. Returns NULL if there is none.
 */
struct fake_qp *fake_qp_find(struct fake_hca *hca, u32 qpn)
{
	struct fake_qp *qp, *found = NULL;
	unsigned long flags;

	spin_lock_irqsave(&hca->lock, flags);
	if (hca->gsi && hca->gsi->ib.qp_num == qpn)
		found = hca->gsi;
	list_for_each_entry(qp, &hca->qps, node)
		if (qp->ib.qp_num == qpn)
			found = qp;
	if (found && !refcount_inc_not_zero(&found->ref))
		found = NULL;
	spin_unlock_irqrestore(&hca->lock, flags);
	return found;
}

void fake_qp_put(struct fake_qp *qp)
{
	if (refcount_dec_and_test(&qp->ref))
		complete(&qp->unreferenced);
}

/* The calls of the MAD layer are not counted, and do not fail. */
bool fake_qp_verb_fails(struct fake_qp *qp, enum fake_verb verb)
{
	return qp->ib.qp_type != IB_QPT_GSI && fake_verb_fails(qp->hca, verb);
}

void fake_qp_set_state(struct fake_qp *qp, enum ib_qp_state state)
{
	unsigned long flags;

	spin_lock_irqsave(&qp->hca->lock, flags);
	fake_qp_set_state_locked(qp, state);
	spin_unlock_irqrestore(&qp->hca->lock, flags);
	fake_qp_kick(qp);
	if (state == IB_QPS_ERR || state == IB_QPS_SQD)
		fake_cm_qp_down(qp);
}

/* The attributes that go with a state are IB's; the iWARP CM sets none. */
static bool fake_qp_may_become(struct fake_qp *qp, enum ib_qp_state state,
			       int mask)
{
	if (qp->hca->cfg.roce && state != IB_QPS_ERR)
		return ib_modify_qp_is_ok(qp->state, state, qp->ib.qp_type,
					  mask);
	switch (state) {
	case IB_QPS_RESET:
	case IB_QPS_ERR:
		return true;
	case IB_QPS_INIT:
		return qp->state == IB_QPS_RESET || qp->state == IB_QPS_INIT;
	case IB_QPS_RTR:
		return qp->state == IB_QPS_INIT;
	case IB_QPS_RTS:
		return qp->state == IB_QPS_RTR || qp->state == IB_QPS_RTS;
	case IB_QPS_SQD:
		return qp->state == IB_QPS_RTS;
	default:
		return false;
	}
}

static void fake_qp_teardown_hook(struct fake_qp *qp)
{
	if (qp->hca->in_teardown && qp->ib.qp_type != IB_QPT_GSI)
		qp->hca->in_teardown(qp->hca);
}

static int fake_modify_qp(struct ib_qp *ib, struct ib_qp_attr *attr, int mask,
			  struct ib_udata *udata)
{
	struct fake_qp *qp = to_fqp(ib);

	fake_reclaim_command();
	fake_qp_teardown_hook(qp);
	/* Whoever asks for an end gets it, unless the device is really broken. */
	if (!(mask & IB_QP_STATE) || attr->qp_state != IB_QPS_ERR) {
		if (fake_qp_verb_fails(qp, FAKE_MODIFY_QP))
			return -EIO;
	} else if (qp->hca->no_error_state) {
		return -EIO;
	}
	if (!(mask & IB_QP_STATE))
		return 0;
	if (!fake_qp_may_become(qp, attr->qp_state, mask))
		return -EINVAL;
	if (mask & IB_QP_DEST_QPN)
		qp->dest_qpn = attr->dest_qp_num;
	if (mask & IB_QP_TIMEOUT)
		qp->timeout = attr->timeout;
	if (mask & IB_QP_RETRY_CNT)
		qp->retry_cnt = attr->retry_cnt;
	fake_qp_set_state(qp, attr->qp_state);
	return 0;
}

static int fake_query_qp(struct ib_qp *ib, struct ib_qp_attr *attr, int mask,
			 struct ib_qp_init_attr *init)
{
	memset(attr, 0, sizeof(*attr));
	memset(init, 0, sizeof(*init));
	attr->qp_state = to_fqp(ib)->state;
	attr->cap = to_fqp(ib)->cap;
	init->cap = to_fqp(ib)->cap;
	return 0;
}

static int fake_create_qp(struct ib_qp *ib, struct ib_qp_init_attr *init,
			  struct ib_udata *udata)
{
	struct fake_hca *hca = to_hca(ib->device);
	struct ib_device_attr *attrs = &hca->ib.attrs;
	struct fake_qp *qp = to_fqp(ib);
	unsigned long flags;

	fake_reclaim_command();
	qp->hca = hca;
	if (init->qp_type != IB_QPT_GSI && fake_verb_fails(hca, FAKE_CREATE_QP))
		return -ENOMEM;
	if (init->cap.max_send_wr > attrs->max_qp_wr ||
	    init->cap.max_recv_wr > attrs->max_qp_wr ||
	    init->cap.max_send_sge > attrs->max_send_sge ||
	    init->cap.max_recv_sge > attrs->max_recv_sge)
		return -EINVAL;
	if ((init->create_flags & IB_QP_CREATE_INTEGRITY_EN) &&
	    !hca->cfg.integrity)
		return -EOPNOTSUPP;
	if (init->cap.max_inline_data && hca->cfg.inline_refused)
		return -EINVAL;
	if (hca->cfg.no_inline || hca->cfg.inline_refused)
		init->cap.max_inline_data = 0;
	else
		init->cap.max_inline_data = hca->cfg.max_inline ?: FAKE_MAX_INLINE;
	qp->cap = init->cap;
	qp->state = IB_QPS_RESET;
	INIT_LIST_HEAD(&qp->sq);
	INIT_LIST_HEAD(&qp->lost);
	INIT_LIST_HEAD(&qp->lost_recvs);
	INIT_LIST_HEAD(&qp->rq);
	INIT_LIST_HEAD(&qp->inbox);
	INIT_LIST_HEAD(&qp->node);
	refcount_set(&qp->ref, 1);
	init_completion(&qp->unreferenced);
	fake_cm_init_qp(qp);
	spin_lock_irqsave(&hca->lock, flags);
	if (init->qp_type == IB_QPT_GSI) {
		ib->qp_num = 1;
		hca->gsi = qp;
	} else {
		ib->qp_num = ++hca->next_qpn;
		list_add_tail(&qp->node, &hca->qps);
	}
	hca->n_qp++;
	spin_unlock_irqrestore(&hca->lock, flags);
	return 0;
}

static void fake_qp_forget(struct fake_qp *qp)
{
	struct fake_recv *recv, *next_recv;
	struct fake_pdu *pdu, *next_pdu;
	struct fake_wr *wr, *next_wr;

	list_splice(&qp->lost, &qp->sq);
	list_splice(&qp->lost_recvs, &qp->rq);
	list_for_each_entry_safe(recv, next_recv, &qp->rq, node)
		kfree(recv);
	list_for_each_entry_safe(wr, next_wr, &qp->sq, node)
		kfree(wr);
	list_for_each_entry_safe(pdu, next_pdu, &qp->inbox, node)
		kfree(pdu);
}

static int fake_destroy_qp(struct ib_qp *ib, struct ib_udata *udata)
{
	struct fake_qp *qp = to_fqp(ib);
	struct fake_hca *hca = qp->hca;
	unsigned long flags;
	unsigned int left;

	fake_reclaim_command();
	fake_qp_teardown_hook(qp);
	/* Some providers do; a work that has a thread in reserve must not call them. */
	schedule_work(&hca->plain_work);
	flush_work(&hca->plain_work);
	fake_cm_fini_qp(qp);
	fake_qp_put(qp);
	wait_for_completion(&qp->unreferenced);
	spin_lock_irqsave(&hca->lock, flags);
	if (hca->gsi == qp)
		hca->gsi = NULL;
	left = list_count_nodes(&qp->sq) + list_count_nodes(&qp->rq);
	left += fake_cq_purge(to_fcq(ib->send_cq), qp);
	left += fake_cq_purge(to_fcq(ib->recv_cq), qp);
	list_del(&qp->node);
	hca->n_qp--;
	spin_unlock_irqrestore(&hca->lock, flags);
	/*
	 * The MAD layer destroys its queue pair without draining it. What has
	 * been polled already is handled by a work, which posts a receive, and
	 * ends then: its completion queue is empty and nobody delivers any more.
	 */
	if (ib->qp_type == IB_QPT_GSI)
		flush_work(&ib->recv_cq->work);
	if (left && !hca->allow_undrained && ib->qp_type != IB_QPT_GSI)
		fake_complain(hca, "QP %u destroyed with %u work requests in it",
			      ib->qp_num, left);
	fake_qp_forget(qp);
	return 0;
}

const struct ib_device_ops fake_qp_ops = {
	.create_qp	= fake_create_qp,
	.modify_qp	= fake_modify_qp,
	.query_qp	= fake_query_qp,
	.destroy_qp	= fake_destroy_qp,
	INIT_RDMA_OBJ_SIZE(ib_qp, fake_qp, ib),
};

void fake_qp_event(struct fake_qp *qp, enum ib_event_type type)
{
	struct ib_event event = {
		.device = &qp->hca->ib,
		.element.qp = &qp->ib,
		.event = type,
	};

	if (qp->ib.event_handler)
		qp->ib.event_handler(&event, qp->ib.qp_context);
}

/* What the far end received next, or NULL; the caller frees it. */
struct fake_pdu *fake_qp_take_pdu(struct fake_qp *qp)
{
	struct fake_pdu *pdu;
	unsigned long flags;

	spin_lock_irqsave(&qp->hca->lock, flags);
	pdu = list_first_entry_or_null(&qp->inbox, struct fake_pdu, node);
	if (pdu) {
		list_del(&pdu->node);
		qp->inbox_len--;
	}
	spin_unlock_irqrestore(&qp->hca->lock, flags);
	return pdu;
}
