// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Completion queues of the lean HCA: a ring that the kernel's CQ code polls. A push
 * to an armed CQ leaves an event pending, which lean_cq_kick() delivers.
 */
#include <linux/log2.h>
#include <linux/slab.h>

#include "lean_hca.h"

static int lean_create_cq(struct ib_cq *ib, const struct ib_cq_init_attr *attr,
			  struct uverbs_attr_bundle *attrs)
{
	struct lean_cq *cq = to_lean_cq(ib);
	u32 size = roundup_pow_of_two(attr->cqe);

	cq->ring = kvcalloc(size, sizeof(*cq->ring), GFP_KERNEL);
	if (!cq->ring)
		return -ENOMEM;
	cq->mask = size - 1;
	ib->cqe = attr->cqe;
	return 0;
}

static int lean_destroy_cq(struct ib_cq *ib, struct ib_udata *udata)
{
	kvfree(to_lean_cq(ib)->ring);
	return 0;
}

static int lean_poll_cq(struct ib_cq *ib, int num, struct ib_wc *wc)
{
	struct lean_hca *hca = to_lean(ib->device);
	struct lean_cq *cq = to_lean_cq(ib);
	unsigned long flags;
	int n = 0;

	spin_lock_irqsave(&hca->lock, flags);
	while (n < num && cq->head != cq->tail)
		wc[n++] = cq->ring[cq->tail++ & cq->mask];
	spin_unlock_irqrestore(&hca->lock, flags);
	return n;
}

static int lean_req_notify_cq(struct ib_cq *ib, enum ib_cq_notify_flags how)
{
	struct lean_hca *hca = to_lean(ib->device);
	struct lean_cq *cq = to_lean_cq(ib);
	unsigned long flags;
	int missed;

	spin_lock_irqsave(&hca->lock, flags);
	cq->armed = true;
	missed = (how & IB_CQ_REPORT_MISSED_EVENTS) && cq->head != cq->tail;
	spin_unlock_irqrestore(&hca->lock, flags);
	return missed;
}

/*
 * lean_cq_push - the next completion, for the caller to fill in
 *
 * hca->lock is held, and lean_cq_kick() is due when it is not any more. The ULP asks
 * for a CQ that is long enough.
 */
struct ib_wc *lean_cq_push(struct ib_cq *ib)
{
	struct lean_cq *cq = to_lean_cq(ib);

	cq->event_pending |= cq->armed;
	cq->armed = false;
	return &cq->ring[cq->head++ & cq->mask];
}

/* Context: any, without hca->lock. The event goes to one caller. */
void lean_cq_kick(struct ib_cq *ib)
{
	struct lean_cq *cq = to_lean_cq(ib);

	if (!READ_ONCE(cq->event_pending) || !xchg(&cq->event_pending, false))
		return;
	/* Whoever posts with interrupts off has its handlers run later. */
	if (irqs_disabled()) {
		ib->comp_handler(ib, ib->cq_context);
		return;
	}
	local_bh_disable();
	ib->comp_handler(ib, ib->cq_context);
	local_bh_enable();
}

const struct ib_device_ops lean_cq_ops = {
	.create_cq	= lean_create_cq,
	.destroy_cq	= lean_destroy_cq,
	.poll_cq	= lean_poll_cq,
	.req_notify_cq	= lean_req_notify_cq,
	INIT_RDMA_OBJ_SIZE(ib_cq, lean_cq, ib),
};
