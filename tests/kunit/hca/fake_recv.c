// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The receive queue of the fake HCA, and what comes in from the far end.
 *
 * A message takes the oldest receive and is scattered over its elements, each
 * of which has to be mapped for it. An invalidation that comes with it is
 * carried out first; one that fails costs the queue pair, as does a message
 * that is too long.
 */
#include <linux/slab.h>

#include "fake_parts.h"

static int fake_post_one_recv(struct fake_qp *qp, const struct ib_recv_wr *from)
{
	struct fake_recv *recv;

	if (qp->rq_used == qp->cap.max_recv_wr ||
	    from->num_sge > qp->cap.max_recv_sge) {
		fake_complain(qp->hca, "receive queue of %u overrun, or %d elements",
			      qp->rq_used, from->num_sge);
		return -ENOMEM;
	}
	if (qp->state == IB_QPS_RESET) {
		fake_complain(qp->hca, "receive posted in QP state RESET");
		return -EINVAL;
	}
	if (qp->state == IB_QPS_ERR) {
		fake_qp_flush_rq(qp);
		qp->rq_used++;
		fake_qp_push(qp, from->wr_id, IB_WC_WR_FLUSH_ERR, IB_WC_RECV, 1);
		return 0;
	}
	recv = kzalloc_obj(*recv, GFP_ATOMIC);
	if (!recv)
		return -ENOMEM;
	recv->wr_id = from->wr_id;
	recv->num_sge = from->num_sge;
	memcpy(recv->sge, from->sg_list, from->num_sge * sizeof(recv->sge[0]));
	qp->rq_used++;
	list_add_tail(&recv->node, &qp->rq);
	return 0;
}

static int fake_post_recv(struct ib_qp *ib, const struct ib_recv_wr *wr,
			  const struct ib_recv_wr **bad)
{
	struct fake_qp *qp = to_fqp(ib);
	struct fake_hca *hca = qp->hca;
	unsigned long flags;
	int ret = 0;

	spin_lock_irqsave(&hca->lock, flags);
	if (qp->state != IB_QPS_ERR && fake_qp_verb_fails(qp, FAKE_POST_RECV))
		ret = -ENOMEM;
	for (; !ret && wr; wr = wr->next) {
		ret = fake_post_one_recv(qp, wr);
		if (ret)
			break;
	}
	spin_unlock_irqrestore(&hca->lock, flags);
	if (ret && bad)
		*bad = wr;
	fake_qp_kick(qp);
	return ret;
}

/* Takes the oldest receive off the queue; hca->lock is held. */
static struct fake_recv *fake_take_recv(struct fake_qp *qp)
{
	struct fake_recv *recv;

	recv = list_first_entry_or_null(&qp->rq, struct fake_recv, node);
	if (recv)
		list_del(&recv->node);
	return recv;
}

static enum ib_wc_status fake_scatter(struct fake_qp *qp,
				      struct fake_recv *recv, const u8 *data,
				      u32 len)
{
	unsigned int i;
	u32 n;

	for (i = 0; i < recv->num_sge && len; i++, data += n, len -= n) {
		n = min(len, recv->sge[i].length);
		if (!fake_local(qp, &recv->sge[i], (void *)data, n, true))
			return IB_WC_LOC_PROT_ERR;
	}
	return len ? IB_WC_LOC_LEN_ERR : IB_WC_SUCCESS;
}

static void fake_push_recv(struct fake_qp *qp, struct fake_recv *recv,
			   enum ib_wc_status status, enum ib_wc_opcode opcode,
			   u32 len, u32 inv_key)
{
	struct fake_cqe cqe = {
		.wc = {
			.wr_id = recv->wr_id,
			.status = status,
			.opcode = opcode,
			.byte_len = len,
			.wc_flags = inv_key ? IB_WC_WITH_INVALIDATE : 0,
			.ex.invalidate_rkey = inv_key,
			.qp = &qp->ib,
		},
		.qp = qp,
		.n_slots = 1,
		.recv = true,
	};

	if (qp->ib.qp_type == IB_QPT_GSI) {
		cqe.wc.wc_flags = IB_WC_GRH | IB_WC_WITH_NETWORK_HDR_TYPE;
		cqe.wc.network_hdr_type = qp->hca->cfg.ipv6 ?
					  RDMA_NETWORK_IPV6 : RDMA_NETWORK_IPV4;
		cqe.wc.src_qp = 1;
		cqe.wc.port_num = 1;
	}
	fake_cq_push(to_fcq(qp->ib.recv_cq), &cqe);
	kfree(recv);
	if (status != IB_WC_SUCCESS)
		fake_qp_set_state_locked(qp, IB_QPS_ERR);
}

static int fake_deliver_locked(struct fake_qp *qp, const void *data, u32 len,
			       u32 inv_key)
{
	enum ib_wc_status status;
	struct fake_recv *recv;

	if (qp->state != IB_QPS_RTS)
		return -ENOTCONN;
	if (inv_key && !fake_mr_invalidate(qp, inv_key))
		return -ENOKEY;
	recv = fake_take_recv(qp);
	if (!recv) {
		fake_complain(qp->hca, "no receive posted for a message of %u bytes",
			      len);
		return -EAGAIN;
	}
	status = fake_scatter(qp, recv, data, len);
	fake_push_recv(qp, recv, status, IB_WC_RECV, len, inv_key);
	return status == IB_WC_SUCCESS ? 0 : -EMSGSIZE;
}

/*
 * fake_qp_deliver - the far end sends a message
 * @inv_key: the key it invalidates, or 0
 *
 * Returns 0; -ENOTCONN on a queue pair that is down; -ENOKEY if there is no
 * such key to invalidate, -EMSGSIZE if the receive is too short, and both put
 * the queue pair into the error state; -EAGAIN without a receive.
 */
int fake_qp_deliver(struct fake_qp *qp, const void *data, u32 len, u32 inv_key)
{
	unsigned long flags;
	int ret;

	spin_lock_irqsave(&qp->hca->lock, flags);
	ret = fake_deliver_locked(qp, data, len, inv_key);
	spin_unlock_irqrestore(&qp->hca->lock, flags);
	fake_qp_kick(qp);
	if (ret == -ENOKEY) {
		fake_qp_event(qp, IB_EVENT_QP_ACCESS_ERR);
		fake_qp_set_state(qp, IB_QPS_ERR);
	} else if (ret == -EMSGSIZE) {
		fake_cm_qp_down(qp);
	}
	return ret;
}

/* The oldest receive fails, and with it the queue pair. */
bool fake_qp_fail_recv(struct fake_qp *qp, enum ib_wc_status status)
{
	struct fake_recv *recv;
	unsigned long flags;

	spin_lock_irqsave(&qp->hca->lock, flags);
	recv = fake_take_recv(qp);
	if (recv)
		fake_push_recv(qp, recv, status, IB_WC_RECV, 0, 0);
	spin_unlock_irqrestore(&qp->hca->lock, flags);
	fake_qp_kick(qp);
	if (recv)
		fake_cm_qp_down(qp);
	return recv;
}

/*
 * fake_qp_write_imm - the far end writes somewhere, and says so with a receive
 * @len: of what was written; the receive's buffer stays as it is
 */
void fake_qp_write_imm(struct fake_qp *qp, u32 len)
{
	struct fake_recv *recv;
	unsigned long flags;

	spin_lock_irqsave(&qp->hca->lock, flags);
	recv = fake_take_recv(qp);
	if (recv)
		fake_push_recv(qp, recv, IB_WC_SUCCESS, IB_WC_RECV_RDMA_WITH_IMM,
			       len, 0);
	spin_unlock_irqrestore(&qp->hca->lock, flags);
	fake_qp_kick(qp);
}

const struct ib_device_ops fake_recv_ops = {
	.post_recv	= fake_post_recv,
};
