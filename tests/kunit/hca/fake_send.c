// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The send queue of the fake HCA.
 *
 * A work request that is posted is executed at once, in the order of the queue:
 * a registration takes effect, a message is read from its scatter list and
 * given to the far end. It stays outstanding until it is completed, by the test
 * (hca->hold_completions) or at once; completions keep the order of the queue.
 * A LOCAL_INV takes effect as late as can be: when it is completed, or when a
 * registration follows it. Slots come free when the ULP polls a signalled
 * completion at or behind them, and posting to a full queue is a complaint.
 */
#include <linux/jhash.h>
#include <linux/slab.h>

#include "fake_parts.h"

/* Collects a message from its scatter list; a bad one is a complaint. */
static struct fake_pdu *fake_gather(struct fake_qp *qp, struct fake_wr *wr)
{
	unsigned int i, len = wr->inline_len;
	struct fake_pdu *pdu;

	for (i = 0; i < wr->num_sge; i++)
		len += wr->sge[i].length;
	pdu = kzalloc(struct_size(pdu, data, len), GFP_ATOMIC);
	if (!pdu)
		return NULL;
	pdu->len = len;
	memcpy(pdu->data, wr->inline_data, wr->inline_len);
	for (len = 0, i = 0; i < wr->num_sge; len += wr->sge[i++].length) {
		if (fake_local(qp, &wr->sge[i], pdu->data + len,
			       wr->sge[i].length, false))
			continue;
		kfree(pdu);
		return NULL;
	}
	return pdu;
}

/*
 * A message may have to be sent again, from the same memory, until its SEND is
 * completed. (What is sent through a region ends with the region's key.)
 */
static u32 fake_message_hash(struct fake_qp *qp, struct fake_wr *wr)
{
	unsigned int i;
	u32 hash = 0;
	void *ptr;

	for (i = 0; i < wr->num_sge; i++) {
		if (wr->sge[i].lkey != FAKE_LOCAL_LKEY)
			continue;
		ptr = fake_dma_ptr(qp->hca->dma, wr->sge[i].addr,
				   wr->sge[i].length, false);
		hash = ptr ? jhash(ptr, wr->sge[i].length, hash) : ~hash;
	}
	return hash;
}

static bool fake_execute_inv(struct fake_qp *qp, struct fake_wr *wr)
{
	wr->executed = true;
	if (fake_mr_invalidate(qp, wr->key))
		return true;
	wr->failed = true;
	if (!qp->hca->hostile_peer)
		fake_complain(qp->hca, "LOCAL_INV of %#x, which is not valid",
			      wr->key);
	return false;
}

/* A registration comes after the invalidations in front of it. */
static bool fake_execute_reg(struct fake_qp *qp, struct fake_wr *reg)
{
	struct fake_wr *wr;

	list_for_each_entry(wr, &qp->sq, node) {
		if (wr == reg)
			break;
		if (wr->opcode == IB_WR_LOCAL_INV && !wr->executed)
			if (!fake_execute_inv(qp, wr))
				return false;
	}
	return fake_mr_register(qp, reg);
}

/* Executes one work request; *pdu is what it gives to the far end. */
static bool fake_execute(struct fake_qp *qp, struct fake_wr *wr,
			 struct fake_pdu **pdu)
{
	*pdu = NULL;
	switch (wr->opcode) {
	case IB_WR_REG_MR:
	case IB_WR_REG_MR_INTEGRITY:
		wr->executed = true;
		return fake_execute_reg(qp, wr);
	case IB_WR_SEND:
		wr->executed = true;
		*pdu = fake_gather(qp, wr);
		wr->hash = fake_message_hash(qp, wr);
		if (*pdu && qp->ib.qp_type != IB_QPT_GSI)
			fake_spy_sent(qp, wr, *pdu);
		return *pdu;
	default:
		fake_complain(qp->hca, "work request opcode %d", wr->opcode);
		return false;
	}
}

static struct fake_wr *fake_qp_next_to_execute(struct fake_qp *qp)
{
	struct fake_wr *wr;

	if (qp->state != IB_QPS_RTS)
		return NULL;
	list_for_each_entry(wr, &qp->sq, node)
		if (!wr->executed && wr->opcode != IB_WR_LOCAL_INV)
			return wr;
	return NULL;
}

static void fake_qp_hand_over(struct fake_qp *qp, struct fake_pdu *pdu)
{
	struct fake_hca *hca = qp->hca;
	unsigned long flags;

	if (qp != hca->gsi && hca->serve && hca->serve(qp, pdu)) {
		kfree(pdu);
		return;
	}
	spin_lock_irqsave(&hca->lock, flags);
	list_add_tail(&pdu->node, &qp->inbox);
	qp->inbox_len++;
	spin_unlock_irqrestore(&hca->lock, flags);
	if (qp == hca->gsi)
		schedule_work(&hca->mad_work);
}

static bool fake_qp_holds(struct fake_qp *qp)
{
	return qp->hca->hold_completions && qp != qp->hca->gsi;
}

/* Executes what waits in the send queue, and completes it unless held. */
void fake_qp_run(struct fake_qp *qp)
{
	struct fake_hca *hca = qp->hca;
	struct fake_pdu *pdu;
	unsigned long flags;
	struct fake_wr *wr;
	bool ok;

	for (;;) {
		spin_lock_irqsave(&hca->lock, flags);
		wr = fake_qp_next_to_execute(qp);
		ok = !wr || fake_execute(qp, wr, &pdu);
		spin_unlock_irqrestore(&hca->lock, flags);
		if (!wr)
			break;
		if (!ok) {
			fake_qp_set_state(qp, IB_QPS_ERR);
			return;
		}
		if (!fake_qp_holds(qp))
			fake_qp_complete_all(qp);
		if (pdu)
			fake_qp_hand_over(qp, pdu);
	}
	if (!fake_qp_holds(qp))
		fake_qp_complete_all(qp);
}

/* The first work request that is signalled, or in error. */
static struct fake_wr *fake_qp_last_to_retire(struct fake_qp *qp)
{
	struct fake_wr *wr;

	list_for_each_entry(wr, &qp->sq, node) {
		if (wr->opcode == IB_WR_LOCAL_INV && !wr->executed)
			fake_execute_inv(qp, wr);
		if (!wr->executed)
			return NULL;
		if (wr->signaled || wr->failed)
			return wr;
	}
	return NULL;
}

static void fake_qp_retire(struct fake_qp *qp, struct fake_wr *last)
{
	bool stop, failed = last->failed;
	struct fake_wr *wr, *next;
	unsigned int n = 0;

	list_for_each_entry_safe(wr, next, &qp->sq, node) {
		stop = wr == last;
		n += wr->slots;
		if (wr->opcode == IB_WR_SEND &&
		    fake_message_hash(qp, wr) != wr->hash)
			fake_complain(qp->hca, "a message has changed before its SEND was done");
		if (stop)
			fake_qp_push(qp, wr->wr_id, failed ?
				     IB_WC_LOC_QP_OP_ERR : IB_WC_SUCCESS,
				     fake_wc_opcode(wr->opcode), n);
		list_del(&wr->node);
		kfree(wr);
		if (stop)
			break;
	}
	if (failed)
		fake_qp_set_state_locked(qp, IB_QPS_ERR);
}

/* The oldest work request fails, and with it the queue pair. */
static bool fake_qp_fail_first(struct fake_qp *qp, enum ib_wc_status status)
{
	struct fake_wr *wr;

	wr = list_first_entry_or_null(&qp->sq, struct fake_wr, node);
	if (!wr)
		return false;
	fake_qp_push(qp, wr->wr_id, status, fake_wc_opcode(wr->opcode),
		     wr->slots);
	list_del(&wr->node);
	kfree(wr);
	fake_qp_set_state_locked(qp, IB_QPS_ERR);
	return true;
}

/*
 * fake_qp_complete - complete the oldest work request that is signalled
 *
 * With an error as @status the oldest one of all fails, and the queue pair
 * with it. Returns false if there was nothing to complete.
 */
bool fake_qp_complete(struct fake_qp *qp, enum ib_wc_status status)
{
	struct fake_hca *hca = qp->hca;
	struct fake_wr *last;
	unsigned long flags;
	bool found, down;

	spin_lock_irqsave(&hca->lock, flags);
	if (status == IB_WC_SUCCESS) {
		last = fake_qp_last_to_retire(qp);
		found = last;
		if (last)
			fake_qp_retire(qp, last);
	} else {
		found = fake_qp_fail_first(qp, status);
	}
	down = found && qp->state == IB_QPS_ERR;
	spin_unlock_irqrestore(&hca->lock, flags);
	fake_qp_kick(qp);
	if (down)
		fake_cm_qp_down(qp);
	return found;
}

unsigned int fake_qp_complete_all(struct fake_qp *qp)
{
	unsigned int n = 0;

	while (fake_qp_complete(qp, IB_WC_SUCCESS))
		n++;
	return n;
}

/*
 * A broken device: of what is in a queue, no completion will ever come. It is
 * outstanding as long as there is the queue pair.
 */
void fake_qp_lose(struct fake_qp *qp)
{
	unsigned long flags;

	spin_lock_irqsave(&qp->hca->lock, flags);
	list_splice_tail_init(&qp->sq, &qp->lost);
	spin_unlock_irqrestore(&qp->hca->lock, flags);
}

void fake_qp_lose_recvs(struct fake_qp *qp)
{
	unsigned long flags;

	spin_lock_irqsave(&qp->hca->lock, flags);
	list_splice_tail_init(&qp->rq, &qp->lost_recvs);
	spin_unlock_irqrestore(&qp->hca->lock, flags);
}

/* An integrity registration is four: both lists, and a state for each domain. */
static unsigned int fake_wr_slots(enum ib_wr_opcode opcode)
{
	return opcode == IB_WR_REG_MR_INTEGRITY ? 4 : 1;
}

/* The driver copies the data while it posts, from virtual addresses. */
static bool fake_wr_copy_inline(struct fake_qp *qp, struct fake_wr *wr,
				const struct ib_send_wr *from)
{
	const struct ib_sge *sge;
	int i;

	for (i = 0; i < from->num_sge; i++) {
		sge = &from->sg_list[i];
		if (sge->length > min(qp->cap.max_inline_data, FAKE_MAX_INLINE) -
				  wr->inline_len ||
		    !virt_addr_valid((void *)(uintptr_t)sge->addr)) {
			fake_complain(qp->hca, "inline element %#llx + %u",
				      sge->addr, sge->length);
			return false;
		}
		memcpy(wr->inline_data + wr->inline_len,
		       (void *)(uintptr_t)sge->addr, sge->length);
		wr->inline_len += sge->length;
	}
	return true;
}

static struct fake_wr *fake_wr_create(struct fake_qp *qp,
				      const struct ib_send_wr *from)
{
	struct fake_wr *wr;

	wr = kzalloc_obj(*wr, GFP_ATOMIC);
	if (!wr)
		return NULL;
	wr->wr_id = from->wr_id;
	wr->opcode = from->opcode;
	wr->slots = fake_wr_slots(from->opcode);
	wr->signaled = from->send_flags & IB_SEND_SIGNALED;
	wr->is_inline = from->send_flags & IB_SEND_INLINE;
	if (!wr->is_inline) {
		wr->num_sge = from->num_sge;
		memcpy(wr->sge, from->sg_list, from->num_sge * sizeof(wr->sge[0]));
	} else if (!fake_wr_copy_inline(qp, wr, from)) {
		kfree(wr);
		return NULL;
	}
	if (from->opcode == IB_WR_LOCAL_INV)
		wr->key = from->ex.invalidate_rkey;
	if (from->opcode == IB_WR_REG_MR ||
	    from->opcode == IB_WR_REG_MR_INTEGRITY) {
		wr->key = reg_wr(from)->key;
		wr->access = reg_wr(from)->access;
		wr->mr = to_fmr(reg_wr(from)->mr);
	}
	return wr;
}

static int fake_post_one_send(struct fake_qp *qp, const struct ib_send_wr *from)
{
	unsigned int slots = fake_wr_slots(from->opcode);
	struct fake_wr *wr;

	if (qp->sq_used + slots > qp->cap.max_send_wr) {
		fake_complain(qp->hca, "send queue of %u overrun", qp->sq_used);
		return -ENOMEM;
	}
	if (from->num_sge > qp->cap.max_send_sge) {
		fake_complain(qp->hca, "SEND with %d elements", from->num_sge);
		return -EINVAL;
	}
	if (qp->state == IB_QPS_ERR) {
		fake_qp_flush_sq(qp);
		qp->sq_used += slots;
		fake_qp_push(qp, from->wr_id, IB_WC_WR_FLUSH_ERR,
			     fake_wc_opcode(from->opcode), slots);
		return 0;
	}
	if (qp->state != IB_QPS_RTS && qp->state != IB_QPS_SQD) {
		fake_complain(qp->hca, "send posted in QP state %d", qp->state);
		return -EINVAL;
	}
	wr = fake_wr_create(qp, from);
	if (!wr)
		return -ENOMEM;
	qp->sq_used += slots;
	list_add_tail(&wr->node, &qp->sq);
	return 0;
}

/*
 * An I/O goes to the queue in one post, whose end is heard of, or need not be, for
 * the message is inline: what another post was to follow up would be an I/O in pieces.
 */
static void fake_check_post(struct fake_qp *qp, const struct ib_send_wr *wr)
{
	while (wr->next)
		wr = wr->next;
	if (!(wr->send_flags & (IB_SEND_SIGNALED | IB_SEND_INLINE)) &&
	    qp->ib.qp_type != IB_QPT_GSI &&
	    wr->opcode != IB_WR_RDMA_WRITE)
		fake_complain(qp->hca, "a post ends with opcode %d, unsignalled",
			      wr->opcode);
}

/* ib_drain_sq() must get through even where a failing post is asked for. */
static bool fake_post_send_fails(struct fake_qp *qp)
{
	return qp->state != IB_QPS_ERR &&
	       fake_qp_verb_fails(qp, FAKE_POST_SEND);
}

static int fake_post_send(struct ib_qp *ib, const struct ib_send_wr *wr,
			  const struct ib_send_wr **bad)
{
	const struct ib_send_wr *first = wr;
	struct fake_qp *qp = to_fqp(ib);
	struct fake_hca *hca = qp->hca;
	unsigned long flags;
	int ret = 0;

	fake_check_post(qp, wr);
	spin_lock_irqsave(&hca->lock, flags);
	if (fake_post_send_fails(qp))
		ret = -ENOMEM;
	for (; !ret && wr; wr = wr->next) {
		if (hca->fail_send_wr && !--hca->fail_send_wr)
			ret = -ENOMEM;
		else
			ret = fake_post_one_send(qp, wr);
		if (ret)
			break;
	}
	spin_unlock_irqrestore(&hca->lock, flags);
	if (ret && bad)
		*bad = wr;
	fake_qp_kick(qp);
	fake_qp_run(qp);
	if (hca->in_post)
		hca->in_post(qp, first);
	/* as siw does, without a word on which */
	if (!ret && hca->fail_late) {
		hca->fail_late = false;
		ret = -EIO;
	}
	return ret;
}

const struct ib_device_ops fake_send_ops = {
	.post_send	= fake_post_send,
};
