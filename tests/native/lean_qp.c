// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Queue pairs of the lean HCA. The send queue is always empty: a work request is
 * executed while it is posted, and completed then if it is signalled. In the error
 * state receives are flushed, and what is posted later too.
 */
#include <linux/log2.h>
#include <linux/slab.h>

#include "lean_hca.h"

static void lean_qp_complete(struct lean_qp *qp, struct ib_cq *cq, struct ib_cqe *cqe,
			     enum ib_wc_status status, enum ib_wc_opcode opcode)
{
	struct ib_wc *wc = lean_cq_push(cq);

	wc->wr_cqe = cqe;
	wc->status = status;
	wc->opcode = opcode;
	wc->qp = &qp->ib;
	wc->wc_flags = 0;
}

static enum ib_wc_opcode lean_wc_opcode(enum ib_wr_opcode opcode)
{
	switch (opcode) {
	case IB_WR_REG_MR:
		return IB_WC_REG_MR;
	case IB_WR_LOCAL_INV:
		return IB_WC_LOCAL_INV;
	default:
		return IB_WC_SEND;
	}
}

static int lean_post_send(struct ib_qp *ib, const struct ib_send_wr *wr,
			  const struct ib_send_wr **bad)
{
	struct lean_hca *hca = to_lean(ib->device);
	struct lean_qp *qp = to_lean_qp(ib);
	enum ib_wc_status status;
	unsigned long flags;

	spin_lock_irqsave(&hca->lock, flags);
	status = likely(qp->state == IB_QPS_RTS) ? IB_WC_SUCCESS : IB_WC_WR_FLUSH_ERR;
	for (; wr; wr = wr->next) {
		if ((wr->send_flags & IB_SEND_SIGNALED) || unlikely(status))
			lean_qp_complete(qp, ib->send_cq, wr->wr_cqe, status,
					 lean_wc_opcode(wr->opcode));
		if (wr->opcode == IB_WR_SEND && likely(!status))
			lean_target_receive(qp, wr->sg_list);
	}
	spin_unlock_irqrestore(&hca->lock, flags);
	lean_cq_kick(ib->send_cq);
	lean_cq_kick(ib->recv_cq);
	return 0;
}

static int lean_post_recv(struct ib_qp *ib, const struct ib_recv_wr *wr,
			  const struct ib_recv_wr **bad)
{
	struct lean_hca *hca = to_lean(ib->device);
	struct lean_qp *qp = to_lean_qp(ib);
	struct lean_recv *recv;
	unsigned long flags;

	spin_lock_irqsave(&hca->lock, flags);
	for (; wr; wr = wr->next) {
		if (unlikely(qp->state == IB_QPS_ERR)) {
			lean_qp_complete(qp, ib->recv_cq, wr->wr_cqe,
					 IB_WC_WR_FLUSH_ERR, IB_WC_RECV);
			continue;
		}
		recv = &qp->rq[qp->rq_head++ & qp->rq_mask];
		recv->cqe = wr->wr_cqe;
		recv->buf = (void *)(uintptr_t)wr->sg_list->addr;
	}
	spin_unlock_irqrestore(&hca->lock, flags);
	lean_cq_kick(ib->recv_cq);
	return 0;
}

/*
 * lean_qp_deliver - the far end sends a message
 * @inv_key: the key it invalidates, or 0
 *
 * hca->lock is held. It fits into the receive's first element.
 */
void lean_qp_deliver(struct lean_qp *qp, const void *message, u32 len, u32 inv_key)
{
	struct lean_recv *recv;
	struct ib_wc *wc;

	if (unlikely(qp->rq_tail == qp->rq_head)) {
		to_lean(qp->ib.device)->n_lost++;
		return;
	}
	recv = &qp->rq[qp->rq_tail++ & qp->rq_mask];
	memcpy(recv->buf, message, len);
	wc = lean_cq_push(qp->ib.recv_cq);
	wc->wr_cqe = recv->cqe;
	wc->status = IB_WC_SUCCESS;
	wc->opcode = IB_WC_RECV;
	wc->qp = &qp->ib;
	wc->byte_len = len;
	wc->wc_flags = inv_key ? IB_WC_WITH_INVALIDATE : 0;
	wc->ex.invalidate_rkey = inv_key;
}

static void lean_qp_flush(struct lean_qp *qp)
{
	while (qp->rq_tail != qp->rq_head)
		lean_qp_complete(qp, qp->ib.recv_cq,
				 qp->rq[qp->rq_tail++ & qp->rq_mask].cqe,
				 IB_WC_WR_FLUSH_ERR, IB_WC_RECV);
}

static int lean_modify_qp(struct ib_qp *ib, struct ib_qp_attr *attr, int mask,
			  struct ib_udata *udata)
{
	struct lean_hca *hca = to_lean(ib->device);
	struct lean_qp *qp = to_lean_qp(ib);
	unsigned long flags;

	if (!(mask & IB_QP_STATE))
		return 0;
	spin_lock_irqsave(&hca->lock, flags);
	qp->state = attr->qp_state;
	if (qp->state == IB_QPS_ERR)
		lean_qp_flush(qp);
	spin_unlock_irqrestore(&hca->lock, flags);
	lean_cq_kick(ib->recv_cq);
	if (attr->qp_state == IB_QPS_ERR || attr->qp_state == IB_QPS_SQD)
		lean_cm_qp_down(qp);
	return 0;
}

static int lean_query_qp(struct ib_qp *ib, struct ib_qp_attr *attr, int mask,
			 struct ib_qp_init_attr *init)
{
	memset(attr, 0, sizeof(*attr));
	memset(init, 0, sizeof(*init));
	attr->qp_state = to_lean_qp(ib)->state;
	return 0;
}

/* What is asked for is granted, inline data too. */
static int lean_create_qp(struct ib_qp *ib, struct ib_qp_init_attr *init,
			  struct ib_udata *udata)
{
	struct lean_hca *hca = to_lean(ib->device);
	struct lean_qp *qp = to_lean_qp(ib);
	u32 size = roundup_pow_of_two(init->cap.max_recv_wr);

	if (hca->qp)
		return -EBUSY;
	qp->rq = kvcalloc(size, sizeof(*qp->rq), GFP_KERNEL);
	if (!qp->rq)
		return -ENOMEM;
	qp->rq_mask = size - 1;
	qp->state = IB_QPS_RESET;
	refcount_set(&qp->ref, 1);
	init_completion(&qp->unreferenced);
	lean_cm_init_qp(qp);
	ib->qp_num = hca->next_qpn++;
	hca->qp = qp;
	return 0;
}

void lean_qp_put(struct lean_qp *qp)
{
	if (refcount_dec_and_test(&qp->ref))
		complete(&qp->unreferenced);
}

static int lean_destroy_qp(struct ib_qp *ib, struct ib_udata *udata)
{
	struct lean_qp *qp = to_lean_qp(ib);

	lean_cm_fini_qp(qp);
	lean_qp_put(qp);
	/* Ends when the iWARP CM has heard of the close. */
	wait_for_completion(&qp->unreferenced);
	to_lean(ib->device)->qp = NULL;
	kvfree(qp->rq);
	return 0;
}

const struct ib_device_ops lean_qp_ops = {
	.create_qp	= lean_create_qp,
	.modify_qp	= lean_modify_qp,
	.query_qp	= lean_query_qp,
	.destroy_qp	= lean_destroy_qp,
	.post_send	= lean_post_send,
	.post_recv	= lean_post_recv,
	INIT_RDMA_OBJ_SIZE(ib_qp, lean_qp, ib),
};
