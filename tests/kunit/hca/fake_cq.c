// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Completion queues of the fake HCA: a ring that the kernel's CQ code polls.
 * A push to an armed CQ leaves an event pending, which fake_cq_kick() delivers
 * once the caller has let go of hca->lock. It does so with bottom halves off,
 * so that in process context the ULP's handlers have run when it returns; unless
 * the ULP itself has interrupts off, as the MAD layer does when it posts.
 */
#include <linux/slab.h>

#include "fake_parts.h"

static int fake_create_cq(struct ib_cq *ib, const struct ib_cq_init_attr *attr,
			  struct uverbs_attr_bundle *attrs)
{
	struct fake_hca *hca = to_hca(ib->device);
	struct fake_cq *cq = to_fcq(ib);

	if (fake_verb_fails(hca, FAKE_CREATE_CQ))
		return -ENOMEM;
	if (attr->cqe > hca->ib.attrs.max_cqe)
		return -EINVAL;
	cq->size = attr->cqe;
	cq->ring = kvcalloc(cq->size, sizeof(*cq->ring), GFP_KERNEL);
	if (!cq->ring)
		return -ENOMEM;
	ib->cqe = attr->cqe;
	hca->n_cq++;
	return 0;
}

static int fake_destroy_cq(struct ib_cq *ib, struct ib_udata *udata)
{
	struct fake_cq *cq = to_fcq(ib);

	fake_reclaim_command();
	kvfree(cq->ring);
	to_hca(ib->device)->n_cq--;
	return 0;
}

/* Gives the ULP one completion, and its queue the slots that this frees. */
static void fake_cq_take(struct fake_cq *cq, struct ib_wc *wc)
{
	struct fake_cqe *cqe = &cq->ring[cq->tail++ % cq->size];

	*wc = cqe->wc;
	if (!cqe->qp)
		return;
	if (cqe->recv)
		cqe->qp->rq_used -= cqe->n_slots;
	else
		cqe->qp->sq_used -= cqe->n_slots;
}

static int fake_poll_cq(struct ib_cq *ib, int num, struct ib_wc *wc)
{
	struct fake_hca *hca = to_hca(ib->device);
	struct fake_cq *cq = to_fcq(ib);
	unsigned long flags;
	int n = 0;

	spin_lock_irqsave(&hca->lock, flags);
	while (n < num && cq->head != cq->tail)
		fake_cq_take(cq, &wc[n++]);
	spin_unlock_irqrestore(&hca->lock, flags);
	return n;
}

static int fake_req_notify_cq(struct ib_cq *ib, enum ib_cq_notify_flags how)
{
	struct fake_hca *hca = to_hca(ib->device);
	struct fake_cq *cq = to_fcq(ib);
	unsigned long flags;
	int missed;

	spin_lock_irqsave(&hca->lock, flags);
	cq->armed = true;
	missed = (how & IB_CQ_REPORT_MISSED_EVENTS) && cq->head != cq->tail;
	spin_unlock_irqrestore(&hca->lock, flags);
	return missed;
}

/*
 * fake_cq_push - add a completion; hca->lock is held
 *
 * What an error leaves undefined in a completion is filled with nonsense.
 */
void fake_cq_push(struct fake_cq *cq, const struct fake_cqe *cqe)
{
	struct fake_hca *hca = to_hca(cq->ib.device);
	struct fake_cqe *new;

	lockdep_assert_held(&hca->lock);
	if (cq->head - cq->tail >= cq->size) {
		fake_complain(hca, "completion queue of %u overflows", cq->size);
		return;
	}
	new = &cq->ring[cq->head++ % cq->size];
	*new = *cqe;
	if (new->wc.status != IB_WC_SUCCESS) {
		new->wc.opcode = 0x5a5a5a5a;
		new->wc.byte_len = 0x5a5a5a5a;
		new->wc.wc_flags = -1;
		new->wc.ex.invalidate_rkey = 0x5a5a5a5a;
	}
	cq->event_pending |= cq->armed;
	cq->armed = false;
}

/* Not of the CM's messages, without which no connection would end. */
static bool fake_cq_is_held(struct fake_cq *cq)
{
	struct fake_hca *hca = to_hca(cq->ib.device);

	return hca->hold_events &&
	       !(hca->gsi && hca->gsi->ib.recv_cq == &cq->ib);
}

/* Context: any, without hca->lock. */
void fake_cq_kick(struct fake_cq *cq)
{
	struct fake_hca *hca = to_hca(cq->ib.device);
	unsigned long flags;
	bool pending;

	spin_lock_irqsave(&hca->lock, flags);
	pending = cq->event_pending && !fake_cq_is_held(cq);
	if (pending)
		cq->event_pending = false;
	spin_unlock_irqrestore(&hca->lock, flags);
	if (!pending)
		return;
	/* Whoever posts with interrupts off has its handlers run later. */
	if (irqs_disabled()) {
		cq->ib.comp_handler(&cq->ib, cq->ib.cq_context);
		return;
	}
	local_bh_disable();
	cq->ib.comp_handler(&cq->ib, cq->ib.cq_context);
	local_bh_enable();
}

/*
 * fake_cq_purge - forget the completions of a queue pair that is going away
 *
 * Returns how many the ULP had not polled; hca->lock is held.
 */
unsigned int fake_cq_purge(struct fake_cq *cq, struct fake_qp *qp)
{
	unsigned int i, to = cq->tail, n = 0;

	lockdep_assert_held(&to_hca(cq->ib.device)->lock);
	for (i = cq->tail; i != cq->head; i++) {
		if (cq->ring[i % cq->size].qp == qp)
			n++;
		else
			cq->ring[to++ % cq->size] = cq->ring[i % cq->size];
	}
	cq->head = to;
	return n;
}

const struct ib_device_ops fake_cq_ops = {
	.create_cq	= fake_create_cq,
	.destroy_cq	= fake_destroy_cq,
	.poll_cq	= fake_poll_cq,
	.req_notify_cq	= fake_req_notify_cq,
	INIT_RDMA_OBJ_SIZE(ib_cq, fake_cq, ib),
};
