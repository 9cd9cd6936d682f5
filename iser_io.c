// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: the life of an I/O, and of the rkey that it advertises.
 *
 * iser_alloc_pdu() gives a task the slot with its index. A command that the target
 * is to fetch from or place data in is registered: iser_io_register() prepares a
 * REG_MR with a key that is new, so that a late use of an old one faults. It goes
 * to the send queue in one post with the command, and from then on the rkey is
 * alive.
 *
 * With the post the slot passes to the HCA, together with a reference on the task.
 * io->hca says what keeps it there, and only iser_io.[ch] look at it:
 *
 *   SEND   memory that is sent from, until the last SEND has completed;
 *   RKEY   the rkey is alive, until somebody invalidates it: the target, whose
 *          response says so, or this side, which makes it
 *   INV    a LOCAL_INV, until it has completed. If it fails, the rkey may be alive
 *          and it is RKEY again, until the flush
 *   PART   some of it was posted, and nobody knows how much: until the flush
 *
 * Most registered commands have no SEND: their header is posted inline, so that the
 * provider has a copy of it, and the HCA nothing to fetch. Such a SEND is not
 * signalled, for nobody waits for it. What the HCA says of the rkey is enough: if the
 * target has invalidated it, the REG_MR had been executed, for else the key would not
 * have been valid (siw does not look: it gets no such SENDs, and a LOCAL_INV all the
 * same); and a LOCAL_INV that completes stands behind both. Now and then one is signalled
 * all the same, and sent from memory, to account for the queue.
 *
 * Each completion takes its bit away; who takes the last one puts the reference. A
 * response goes up to libiscsi at once, which drops its own reference. So the task
 * is freed, iser_cleanup_task() unmaps, and SCSI gets the command back when the
 * last of both is gone, whatever the order, and whoever ended the command:
 * response, task management, or the end of the connection. That is invariant 1.
 *
 * If the target is silent, the rkey dies with the queue pair: iser_conn_drain_work()
 * flushes it, and it is the only one of its PD. Then iser_io_flushed() takes what is
 * left of each slot. A device that does not flush loses the queue pair first.
 *
 * While the HCA owns a slot its task cannot go away. That is why the completion
 * handlers, which run one after the other in the softirq of the connection's CQ,
 * find everything from the slot and take no lock to find it.
 */
#include "iser_io.h"

/**
 * iser_alloc_pdu - callback: give a task its slot
 * @task: with its index in task->itt
 * @opcode: of the PDU
 *
 * Context: frwd_lock held, BH off.
 * Return: 0; -ENOMEM where there is no connection, which costs a SCSI command
 * a retry; -EOPNOTSUPP for a SCSI command in a discovery session, which fails.
 */
int iser_alloc_pdu(struct iscsi_task *task, u8 opcode)
{
	struct iser_binding *binding = task->conn->dd_data;
	struct iser_conn *conn = binding->conn;
	struct iser_io *io;

	if (unlikely(!conn))
		return -ENOMEM;
	io = &conn->ios[task->itt];
	if (unlikely(!io->mr) && opcode == ISCSI_OP_SCSI_CMD)
		return -EOPNOTSUPP;
	io->task = task;
	((struct iser_task *)task->dd_data)->io = io;
	task->hdr = &io->hdr->bhs;
	task->hdr_max = sizeof(io->hdr->bhs);
	return 0;
}

/**
 * iser_cleanup_task - callback: take a task off its slot
 * @task: that libiscsi frees; it may never have been sent
 *
 * The HCA is done with the slot: a reference of its own has kept the task until
 * then. The connection may have ended long ago.
 *
 * Context: back_lock held, BH off; frwd_lock may be held as well.
 */
void iser_cleanup_task(struct iscsi_task *task)
{
	struct iser_io *io = iser_task_io(task);

	if (!io)
		return;
	iser_mem_unmap(io);
	io->awaits = 0;
	/* Pairs with READ_ONCE() in iser_rx_hold(). */
	WRITE_ONCE(io->task, NULL);
	((struct iser_task *)task->dd_data)->io = NULL;
	if (unlikely(io->pins_conn)) {
		io->pins_conn = false;
		iser_conn_put(io->conn);
	}
}

/**
 * iser_io_pin_conn - let a task outlive its connection
 * @io: slot of a connection that has been flushed; may be without a task
 *
 * Unmaps the task's data; its slot stays until the task goes.
 *
 * Context: frwd_lock and back_lock held.
 */
void iser_io_pin_conn(struct iser_io *io)
{
	iser_mem_unmap(io);
	if (!io->task || io->pins_conn)
		return;
	io->pins_conn = true;
	iser_conn_get(io->conn);
}

/* Decide who invalidates an rkey. True for one caller. */
static bool iser_io_claim_rkey(struct iser_io *io)
{
	int owned = atomic_read(&io->hca);

	do {
		if (!(owned & ISER_IO_RKEY))
			return false;
	} while (!atomic_try_cmpxchg(&io->hca, &owned,
				     owned - ISER_IO_RKEY + ISER_IO_INV));
	return true;
}

/*
 * The LOCAL_INV has not taken place, and nothing of the slot is in the send queue any
 * more: the rkey dies with the flush.
 */
static void iser_io_invalidate_failed(struct iser_io *io)
{
	atomic_add(ISER_IO_RKEY - ISER_IO_INV, &io->hca);
}

/**
 * iser_io_invalidate - end the life of a slot's rkey from this side
 * @io: slot with a task; nothing happens unless its rkey is alive
 *
 * Room in the send queue has been set aside. Should the post fail,
 * the connection fails, and its flush ends the rkey.
 *
 * Context: completion handler, or error handler with frwd_lock and back_lock held.
 */
void iser_io_invalidate(struct iser_io *io)
{
	struct ib_send_wr wr = {
		.wr_cqe = &io->inv_cqe,
		.opcode = IB_WR_LOCAL_INV,
		.send_flags = IB_SEND_SIGNALED,
	};
	struct iser_conn *conn = io->conn;
	int err;

	if (!iser_io_claim_rkey(io))
		return;
	wr.ex.invalidate_rkey = io->reg_wr.mr->rkey;
	conn->stats->local_invalidations++;
	trace_iser_mr_invalidate(io);
	/* From here on the slot may be anybody's. */
	err = ib_post_send(conn->qp, &wr, NULL);
	if (unlikely(err)) {
		iser_conn_fail(conn, "an invalidation could not be posted", err);
		iser_io_invalidate_failed(io);
	}
}

/**
 * iser_io_is_sent - has the slot's PDU left for good?
 * @io: slot
 *
 * Context: completion handler.
 * Return: whether its SEND has completed, or it has none.
 */
bool iser_io_is_sent(struct iser_io *io)
{
	/* Pairs with atomic_set_release() in iser_io_give(). */
	return !(atomic_read_acquire(&io->hca) & ISER_IO_SEND);
}

/* A signalled SEND has completed, and with it all that was posted before. */
static void iser_io_sent(struct iser_io *io, struct ib_wc *wc)
{
	if (unlikely(wc->status != IB_WC_SUCCESS))
		iser_conn_wc_failed(io->conn, wc, ISER_WR_SEND, io->hdr->bhs.itt);
	/* Pairs with READ_ONCE() in iser_sq_used(). */
	WRITE_ONCE(io->conn->sq_done, io->sq_end);
	iser_io_end(io, ISER_IO_SEND);
}

/* The last SEND of a SCSI command has completed. */
static void iser_io_send_done(struct ib_cq *cq, struct ib_wc *wc)
{
	iser_io_sent(container_of(wc->wr_cqe, struct iser_io, send_cqe), wc);
}

/* The SEND of a PDU without SCSI data has completed. */
static void iser_io_control_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct iser_io *io = container_of(wc->wr_cqe, struct iser_io, send_cqe);
	struct iscsi_task *no_response = io->no_response ? io->task : NULL;
	struct iser_rx *held = iser_rx_unhold(io);

	io->send_cqe.done = iser_io_send_done;
	iser_io_sent(io, wc);
	/* Nobody else frees a task that gets no answer. */
	if (no_response)
		iscsi_put_task(no_response);
	if (held)
		iser_rx_deliver_held(held);
}

/* What is not signalled has failed. The slot may be another task's by now. */
static void iser_io_early_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct iser_io *io = container_of(wc->wr_cqe, struct iser_io, early_cqe);

	if (unlikely(wc->status != IB_WC_SUCCESS))
		iser_conn_wc_failed(io->conn, wc, ISER_WR_EARLY, io->hdr->bhs.itt);
}

static void iser_io_inv_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct iser_io *io = container_of(wc->wr_cqe, struct iser_io, inv_cqe);

	if (unlikely(wc->status != IB_WC_SUCCESS)) {
		iser_conn_wc_failed(io->conn, wc, ISER_WR_INV, io->hdr->bhs.itt);
		iser_io_invalidate_failed(io);
		return;
	}
	iser_io_end(io, ISER_IO_INV);
}

/**
 * iser_io_init - prepare what is the same for every use of a slot
 * @io: slot with conn, hdr and sge[0]
 */
void iser_io_init(struct iser_io *io)
{
	io->send_cqe.done = iser_io_send_done;
	io->early_cqe.done = iser_io_early_done;
	io->inv_cqe.done = iser_io_inv_done;
	io->altered = true;
	io->reg_wr.wr.wr_cqe = &io->early_cqe;
	io->inline_sge.addr = (uintptr_t)io->hdr;
	io->inline_sge.length = sizeof(*io->hdr);
	io->inline_wr.opcode = IB_WR_SEND;
	io->inline_wr.sg_list = &io->inline_sge;
	io->inline_wr.num_sge = 1;
	io->inline_wr.wr_cqe = &io->early_cqe;
	io->inline_wr.send_flags = IB_SEND_INLINE;
	io->send_wr.opcode = IB_WR_SEND;
	io->send_wr.sg_list = io->sge;
}

/**
 * iser_io_set_control - the PDU that is to be sent has no SCSI data
 * @io: slot that the HCA does not own
 *
 * The completion of its SEND looks after what only such PDUs have: a response that
 * is held for it, or none that will come. Should the post fail, it stays, and is
 * right for the command that uses the slot next.
 *
 * Context: xmit_task, frwd_lock held.
 */
void iser_io_set_control(struct iser_io *io)
{
	io->send_cqe.done = iser_io_control_done;
}

/* What a PDU that is sent adds to the counters, or, @sign being -1, takes back. */
static __always_inline void iser_io_count_sent(struct iser_io *io, int owned, int sign)
{
	struct iser_stats *stats = io->conn->stats;
	s64 immediate, unsolicited;

	if (owned & ISER_IO_RKEY)
		stats->registrations += sign;
	else if (!io->task->sc)
		stats->pdus_sent[io->hdr->bhs.opcode & ISCSI_OPCODE_MASK] += sign;
	if (!io->length || io->dir != DMA_TO_DEVICE)
		return;
	immediate = io->task->imm_count;
	unsolicited = io->task->unsol_r2t.data_length;
	stats->immediate_bytes += sign * immediate;
	stats->unsolicited_bytes += sign * unsolicited;
	stats->solicited_bytes += sign * (io->length - immediate - unsolicited);
}

/*
 * Nothing was posted: the slot is the task's again. False if a target has answered
 * what was never sent, and libiscsi has ended the task.
 */
static bool iser_io_take_back(struct iser_io *io, int owned)
{
	struct iscsi_session *session = io->conn->iscsi_conn->session;
	bool unanswered;

	spin_lock(&session->back_lock);
	unanswered = io->awaits && atomic_try_cmpxchg(&io->hca, &owned, 0);
	if (unanswered)
		io->awaits = 0;
	spin_unlock(&session->back_lock);
	return unanswered;
}

/*
 * Which SENDs are in the queue is unknown: the slot is the flush's to give back.
 * Unless it has been: a device may fail when it has queued everything.
 */
static void iser_io_leave_to_flush(struct iser_io *io)
{
	int owned = atomic_read(&io->hca);

	while (owned && !atomic_try_cmpxchg(&io->hca, &owned, owned | ISER_IO_PART))
		;
}

/* Returns 0 if something was posted all the same, else @err. */
static noinline int iser_io_post_failed(struct iser_io *io, int owned, bool nothing,
					int err)
{
	struct iser_conn *conn = io->conn;

	if (!nothing) {
		/* Invariant 5: what was posted in part counts as sent. */
		iser_conn_fail(conn, "a command could be posted only in part", err);
		iser_io_leave_to_flush(io);
		return 0;
	}
	if (!iser_io_take_back(io, owned)) {
		iser_conn_fail(conn, "a response came before its command", -EPROTO);
		iser_io_leave_to_flush(io);
		return 0;
	}
	iser_io_count_sent(io, owned, -1);
	conn->dataouts_posted -= io->dataouts;
	conn->sq_posted -= io->sq_wrs;
	iscsi_put_task(io->task);
	return err;
}

/* The post itself. Returns 0 if anything was posted, else what the device said. */
static __always_inline int iser_io_give(struct iser_io *io, struct ib_send_wr *first,
					int owned, u8 awaits)
{
	const struct ib_send_wr *bad_wr = NULL;
	int err;

	trace_iser_io_send(io);
	iscsi_get_task(io->task);
	iser_latency_start(io);
	/* Whoever sees what the HCA owns sees whose it is. */
	atomic_set_release(&io->hca, owned);
	/* Whoever sees that a response is due sees what the HCA owns. */
	smp_store_release(&io->awaits, awaits);
	/* From here on the slot may be anybody's, unless nothing was posted. */
	err = ib_post_send(io->conn->qp, first, &bad_wr);
	if (unlikely(err))
		return iser_io_post_failed(io, owned, bad_wr == first, err);
	return 0;
}

/**
 * iser_io_post_inline - give a registered command to the HCA, its header inline
 * @io: slot of its task, prepared; room in the send queue has been found
 *
 * The HCA will own the rkey; the SEND is not signalled.
 *
 * Context: xmit_task, frwd_lock held.
 * Return: 0 if anything was posted, else what the device said.
 */
int iser_io_post_inline(struct iser_io *io)
{
	struct iser_stats *stats = io->conn->stats;

	io->conn->sq_posted += io->sq_wrs;
	stats->registrations++;
	if (io->dir == DMA_TO_DEVICE)
		stats->solicited_bytes += io->length;
	return iser_io_give(io, &io->reg_wr.wr, ISER_IO_RKEY, ISCSI_OP_SCSI_CMD_RSP);
}

/**
 * iser_io_post - give a PDU to the HCA, with all that belongs to it
 * @io: slot of its task, prepared; room in the send queue has been found
 * @owned: what the HCA will own, ISER_IO_SEND and perhaps ISER_IO_RKEY
 *
 * The last SEND is signalled.
 *
 * Context: xmit_task, frwd_lock held.
 * Return: 0 if anything was posted, else what the device said.
 */
int iser_io_post(struct iser_io *io, int owned)
{
	struct ib_send_wr *first = &io->send_wr;
	struct iser_conn *conn = io->conn;
	int err;

	ib_dma_sync_single_for_device(conn->ibdev, io->sge[0].addr, sizeof(*io->hdr),
				      DMA_TO_DEVICE);
	conn->sq_posted += io->sq_wrs;
	conn->dataouts_posted += io->dataouts;
	io->sq_end = conn->sq_posted;
	if (owned & ISER_IO_RKEY) {
		io->altered = true;
		io->reg_wr.wr.next = first;
		first = &io->reg_wr.wr;
	}
	iser_io_count_sent(io, owned, 1);
	/* A response has its request's opcode and this bit (RFC 7143, 11.2.1.2). */
	err = iser_io_give(io, first, owned,
			   (io->hdr->bhs.opcode & ISCSI_OPCODE_MASK) | 0x20);
	if (likely(!err))
		conn->sq_signalled = conn->sq_posted;
	return err;
}

/**
 * iser_io_is_owed - has the HCA still to complete something of a slot?
 * @io: slot of a connection whose QP has been drained
 *
 * Return: whether it has; not for one that was posted in part, of which nobody
 * knows.
 */
bool iser_io_is_owed(struct iser_io *io)
{
	int owned = atomic_read(&io->hca);

	return !(owned & ISER_IO_PART) && (owned & (ISER_IO_SEND | ISER_IO_INV));
}

/**
 * iser_io_flushed - take a slot back from an HCA that can do nothing any more
 * @io: slot of a connection whose QP is flushed or destroyed
 *
 * What is left is an rkey that nobody invalidated; it died with the QP. A task
 * that gets no answer is ended by libiscsi's stop.
 *
 * Context: process, the connection's drain_work or kill_qp_work, completions are over.
 */
void iser_io_flushed(struct iser_io *io)
{
	if (atomic_xchg(&io->hca, 0))
		iscsi_put_task(io->task);
}
