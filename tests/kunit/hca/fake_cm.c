// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Connection management of the fake HCA, as the tests see it. Which messages
 * and events that takes is the personality's business: fake_iwarp.c or
 * fake_roce.c. What a test does for the far end means the same on both, except
 * that the far end of a RoCE device is heard of later: its messages go through
 * the MAD layer's and the CM's workers.
 *
 * By itself the far end accepts a connection (unless hca->hold_connects) and
 * answers when this side closes one (unless hca->hold_close).
 */
#include "fake_parts.h"

void fake_cm_init_qp(struct fake_qp *qp)
{
	if (qp->hca->cm->init_qp)
		qp->hca->cm->init_qp(qp);
}

/* Ends without the far end's help. */
void fake_cm_fini_qp(struct fake_qp *qp)
{
	if (qp->hca->cm->fini_qp)
		qp->hca->cm->fini_qp(qp);
}

/* The queue pair has left RTS, or never came there; any context. */
void fake_cm_qp_down(struct fake_qp *qp)
{
	if (qp->hca->cm->qp_down)
		qp->hca->cm->qp_down(qp);
}

/* Moves the connection on if it is in @from; true goes to one caller. */
bool fake_cm_move(struct fake_qp *qp, enum fake_cm_state from,
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

/*
 * fake_cm_reply - the far end answers the connect
 * @status: 0; -ETIMEDOUT: unreachable, on RoCE when the CM has tried long
 *	    enough; else rejected, for which iWARP wants -ECONNREFUSED
 */
void fake_cm_reply(struct fake_qp *qp, int status, const void *data, u8 len)
{
	qp->hca->cm->reply(qp, status, data, len);
}

/* The far end asks for the end of the connection; on RoCE with a DREQ. */
void fake_cm_disconnect(struct fake_qp *qp)
{
	qp->hca->cm->disconnect(qp);
}

/*
 * The far end closes, or the connection is lost. On RoCE this is the answer to
 * our DREQ where that is held, and else a DREQ of the far end.
 */
void fake_cm_close(struct fake_qp *qp)
{
	qp->hca->cm->close(qp);
}

/*
 * The RDMA CM reports UNREACHABLE on a connection that is up. On RoCE it does
 * so when the portal's neighbour entry gets another address, and this does
 * that; on iWARP it never does, and the event is made up.
 */
void fake_cm_unreachable(struct fake_qp *qp)
{
	qp->hca->cm->lose_peer(qp);
}

/*
 * The RDMA CM reports ADDR_CHANGE: this end's network device is a bond whose
 * active link has changed, and with it the MAC address. Concerns each
 * connection of the device, in any state.
 */
void fake_cm_addr_change(struct fake_qp *qp)
{
	fake_net_fail_over(qp->hca->netdev);
}
