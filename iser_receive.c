// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: receiving.
 *
 * A connection has a receive for each answer that can be due, and some for what
 * targets send unasked; sixteen until the session is known. Each has a small
 * buffer of its own and a share in one of a few large areas, into which a longer
 * PDU (a text, in practice) runs over. They are made in process context, posted
 * one by one, and from then on go round: completed, parsed, handed up, reposted
 * in batches. The completion handlers of a connection never run concurrently, so
 * they take no lock for what is theirs.
 *
 * Nothing in a PDU is believed before it has been checked against the length
 * received and against the slot it names; what does not fit fails the connection
 * (invariant 6). libiscsi sees only what a task is waiting for.
 *
 * Login and Text Responses are held until their request's SEND has completed, for
 * libiscsi reuses the one task of both as soon as it has the response.
 */
#include <linux/slab.h>

#include "iser_io.h"

#define ISER_RECVS_PER_PAGE	(PAGE_SIZE / ISER_RECV_SIZE)

/* Receive buffers that are mapped together: a page of them, or one that is larger. */
struct iser_rx_chunk {
	struct list_head	entry;		/* conn->rx_chunks */
	void			*buf;
	size_t			size;
	u64			dma;
	struct iser_rx		rx[ISER_RECVS_PER_PAGE];
};

/*
 * Give receives, a chain of @count, to the HCA. Nothing may be posted behind the
 * drain's back, hence the lock. Returns 0; -ESHUTDOWN in TERMINATING, where nobody
 * needs them; or what the device said.
 */
static int iser_rx_post(struct iser_conn *conn, struct ib_recv_wr *wrs, u32 count)
{
	const struct ib_recv_wr *wr, *bad = NULL;
	int err = -ESHUTDOWN;
	unsigned long flags;

	spin_lock_irqsave(&conn->state_lock, flags);
	if (iser_conn_is_live(conn)) {
		/* Counted first: a receive may complete before ib_post_recv() returns. */
		conn->rx_posted += count;
		err = ib_post_recv(conn->qp, wrs, &bad);
		for (wr = err ? bad : NULL; wr; wr = wr->next)
			conn->rx_posted--;
	}
	spin_unlock_irqrestore(&conn->state_lock, flags);
	return err;
}

static __always_inline void iser_rx_repost(struct iser_conn *conn, struct iser_rx *rx)
{
	int err;

	ib_dma_sync_single_for_device(conn->ibdev, rx->sge[0].addr,
				      rx->sge[0].length, DMA_FROM_DEVICE);
	rx->wr.next = conn->rx_repost;
	conn->rx_repost = &rx->wr;
	if (++conn->rx_repost_count < ISER_RECV_BATCH)
		return;
	err = iser_rx_post(conn, conn->rx_repost, ISER_RECV_BATCH);
	if (unlikely(err && err != -ESHUTDOWN))
		iser_conn_fail(conn, "receives could not be reposted", err);
	conn->rx_repost = NULL;
	conn->rx_repost_count = 0;
}

/*
 * Text longer than a receive's own buffer has run over into an area that other
 * receives share. Put it into one piece, and leave a mark in the area that no
 * text contains: if another large PDU has landed there in the meantime, the mark
 * destroys its beginning, and is found when that PDU's turn comes. The text that
 * is returned may end with the other one's, but then the connection is about to
 * fail; targets send one long text at a time.
 */
static void *iser_rx_linearise(struct iser_rx *rx, u32 over)
{
	struct iser_conn *conn = rx->conn;
	u32 mark = min_t(u32, over, 16);
	u32 own;

	/* No target sends so many additional header segments. */
	if (rx->data_offset > ISER_RECV_SIZE)
		return NULL;
	own = ISER_RECV_SIZE - rx->data_offset;
	ib_dma_sync_single_for_cpu(conn->ibdev, rx->sge[1].addr, over,
				   DMA_BIDIRECTIONAL);
	if (!memchr_inv(rx->overflow, 0xff, mark))
		return NULL;
	memcpy(conn->large_pdu, (u8 *)rx->buf + rx->data_offset, own);
	memcpy(conn->large_pdu + own, rx->overflow, over);
	memset(rx->overflow, 0xff, mark);
	ib_dma_sync_single_for_device(conn->ibdev, rx->sge[1].addr, over,
				      DMA_BIDIRECTIONAL);
	return conn->large_pdu;
}

/* The slot that a target's task tag means, if there is such a slot. */
static struct iser_io *iser_rx_find_io(struct iser_conn *conn, itt_t itt)
{
	u32 index = (__force u32)itt & ISCSI_ITT_MASK;

	return index < conn->num_ios ? &conn->ios[index] : NULL;
}

/* Has a PDU of kind @opcode with this tag been asked for, and not come yet? */
static bool iser_rx_is_due(struct iser_io *io, itt_t itt, u8 opcode)
{
	return io && io->awaits == opcode && io->hdr->bhs.itt == itt;
}

/* As iser_rx_expected(), for a PDU without a task tag. */
static noinline bool iser_rx_untagged_expected(struct iser_rx *rx, const void *data)
{
	const struct iscsi_hdr *rejected = data;

	/* libiscsi takes the task of a rejected ping from the PDU's data. */
	return (rx->buf->bhs.opcode & ISCSI_OPCODE_MASK) != ISCSI_OP_REJECT ||
	       rx->data_len < sizeof(*rejected) ||
	       (rejected->opcode & ISCSI_OPCODE_MASK) != ISCSI_OP_NOOP_OUT ||
	       rejected->itt == RESERVED_ITT ||
	       iser_rx_is_due(iser_rx_find_io(rx->conn, rejected->itt), rejected->itt,
			      ISCSI_OP_NOOP_IN);
}

/*
 * Is the PDU one that libiscsi may see? It would complete a task of another
 * kind, one that is not sent yet, or one twice. The session's back_lock is held,
 * so that the task stays what it is.
 */
static __always_inline bool iser_rx_expected(struct iser_rx *rx, const void *data)
{
	const struct iscsi_hdr *bhs = &rx->buf->bhs;

	if (unlikely(bhs->itt == RESERVED_ITT))
		return iser_rx_untagged_expected(rx, data);
	if (unlikely(!iser_rx_is_due(rx->io, bhs->itt, bhs->opcode & ISCSI_OPCODE_MASK)))
		return false;
	rx->io->awaits = 0;
	iser_latency_count(rx->io);
	return true;
}

/* Hand a checked PDU up. Returns what is wrong with it, or NULL. */
static __always_inline const char *iser_rx_complete(struct iser_conn *conn,
						    struct iser_rx *rx)
{
	struct iscsi_conn *iscsi_conn = conn->iscsi_conn;
	void *data = (u8 *)rx->buf + rx->data_offset;
	u32 end = rx->data_offset + rx->data_len;
	const char *wrong = NULL;

	if (unlikely(end > rx->sge[0].length)) {
		data = iser_rx_linearise(rx, end - rx->sge[0].length);
		if (!data)
			return "two large PDUs at once";
	}
	spin_lock(&iscsi_conn->session->back_lock);
	if (unlikely(!iser_rx_expected(rx, data)))
		wrong = "a response is for nothing that waits for one";
	else if (unlikely(__iscsi_complete_pdu(iscsi_conn, &rx->buf->bhs, data,
					       rx->data_len)))
		wrong = "libiscsi refused a PDU";
	spin_unlock(&iscsi_conn->session->back_lock);
	return wrong;
}

/*
 * Hand a PDU up; the receive goes back to the HCA, or the connection fails. In line
 * for the PDUs that are not held.
 */
static __always_inline void iser_rx_deliver(struct iser_conn *conn, struct iser_rx *rx)
{
	const char *wrong = iser_rx_complete(conn, rx);

	if (likely(!wrong))
		iser_rx_repost(conn, rx);
	else
		iser_conn_fail(conn, wrong, -EPROTO);
}

/*
 * A Login or Text Response: put it aside if its request's SEND has not completed.
 * Returns what is wrong with it, or NULL.
 */
static const char *iser_rx_hold(struct iser_rx *rx)
{
	struct iser_io *io = rx->io;
	struct iscsi_task *task;

	if (rx->conn->held_rx)
		return "two responses to one request";
	if (!io || iser_io_is_sent(io) || io->hdr->bhs.itt != rx->buf->bhs.itt)
		return NULL;
	/* Gone, if the target has answered what could not be posted. */
	task = READ_ONCE(io->task);
	if (task && !task->sc)
		rx->conn->held_rx = rx;
	return NULL;
}

/**
 * iser_rx_unhold - a request's SEND has completed
 * @io: slot of the request, still the HCA's
 *
 * Context: completion handler.
 * Return: the response that was held for it, for iser_rx_deliver_held(); or NULL.
 */
struct iser_rx *iser_rx_unhold(struct iser_io *io)
{
	struct iser_conn *conn = io->conn;
	struct iser_rx *rx = conn->held_rx;

	if (!rx || rx->buf->bhs.itt != io->hdr->bhs.itt)
		return NULL;
	conn->held_rx = NULL;
	return rx;
}

/**
 * iser_rx_deliver_held - hand a response up that was held
 * @rx: from iser_rx_unhold(); its request's slot has come back from the HCA
 *
 * Context: completion handler.
 */
void iser_rx_deliver_held(struct iser_rx *rx)
{
	struct iser_conn *conn = rx->conn;

	if (READ_ONCE(conn->state) == ISER_CONN_UP)
		iser_rx_deliver(conn, rx);
}

/* Find out where a PDU's data is, and whose. Returns what is wrong with it, or NULL. */
static const char *iser_rx_parse(struct iser_conn *conn, struct iser_rx *rx,
				 struct ib_wc *wc)
{
	u32 lengths, len;

	/* An RDMA WRITE with immediate data takes a receive and leaves its buffer. */
	if (unlikely(wc->opcode != IB_WC_RECV))
		return "a receive was not for a SEND";
	if (unlikely(wc->byte_len < sizeof(*rx->buf)))
		return "a PDU is shorter than its header";
	if (unlikely((rx->buf->iser.flags & 0xf0) != ISCSI_CTRL))
		return "a message is no iSER control-type PDU";
	/* One word holds TotalAHSLength, in words, and DataSegmentLength. */
	lengths = be32_to_cpup((const __be32 *)&rx->buf->bhs.hlength);
	rx->data_offset = sizeof(*rx->buf) + (lengths >> 24) * 4;
	rx->data_len = lengths & 0xffffff;
	len = rx->data_offset + rx->data_len;
	/* Padding of the data segment may have been sent or not. */
	if (unlikely(wc->byte_len < len || wc->byte_len > ALIGN(len, 4)))
		return "a PDU is not as long as its header says";
	rx->io = iser_rx_find_io(conn, rx->buf->bhs.itt);
	return NULL;
}

static const char *iser_rx_scsi_response(struct iser_rx *rx, struct ib_wc *wc)
{
	if (unlikely(!rx->io))
		return "a response names no task";
	return iser_io_answered(rx->io, (struct iscsi_scsi_rsp *)&rx->buf->bhs, wc);
}

/* What is no SCSI Response. Returns what is wrong with it, or NULL. */
static const char *iser_rx_control(struct iser_rx *rx, struct ib_wc *wc)
{
	struct iscsi_hdr *bhs = &rx->buf->bhs;
	u8 opcode = bhs->opcode & ISCSI_OPCODE_MASK;

	if (wc->wc_flags & IB_WC_WITH_INVALIDATE)
		return "an invalidation came without a SCSI response";
	rx->conn->stats->pdus_received[opcode]++;
	trace_iser_pdu_recv(rx->conn, bhs);
	switch (opcode) {
	case ISCSI_OP_LOGIN_RSP:
	case ISCSI_OP_TEXT_RSP:
		return iser_rx_hold(rx);
	case ISCSI_OP_NOOP_IN:
	case ISCSI_OP_SCSI_TMFUNC_RSP:
	case ISCSI_OP_LOGOUT_RSP:
	case ISCSI_OP_ASYNC_EVENT:
	case ISCSI_OP_REJECT:
		return NULL;
	default:
		return "a PDU is of a kind that targets do not send over iSER";
	}
}

/* From TERMINATING on nothing reaches libiscsi and nothing is reposted. */
static void iser_rx_handle(struct iser_conn *conn, struct iser_rx *rx, struct ib_wc *wc)
{
	const char *wrong;

	if (unlikely(wc->status != IB_WC_SUCCESS)) {
		iser_conn_wc_failed(conn, wc, ISER_WR_RECV, RESERVED_ITT);
		return;
	}
	if (unlikely(READ_ONCE(conn->state) != ISER_CONN_UP))
		return;
	/* Pairs with smp_store_release() in iser_conn_bind(). */
	if (unlikely(!smp_load_acquire(&conn->iscsi_conn))) {
		iser_conn_fail(conn, "the target spoke before the login", -EPROTO);
		return;
	}
	ib_dma_sync_single_for_cpu(conn->ibdev, rx->sge[0].addr,
				   rx->sge[0].length, DMA_FROM_DEVICE);
	wrong = iser_rx_parse(conn, rx, wc);
	if (likely(!wrong)) {
		if (likely((rx->buf->bhs.opcode & ISCSI_OPCODE_MASK) ==
			   ISCSI_OP_SCSI_CMD_RSP))
			wrong = iser_rx_scsi_response(rx, wc);
		else
			wrong = iser_rx_control(rx, wc);
	}
	if (unlikely(wrong))
		iser_conn_fail(conn, wrong, -EPROTO);
	else if (likely(conn->held_rx != rx))
		iser_rx_deliver(conn, rx);
}

/* A receive has completed. Softirq, BH off. */
static void iser_rx_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct iser_rx *rx = container_of(wc->wr_cqe, struct iser_rx, cqe);
	struct iser_conn *conn = rx->conn;

	iser_rx_handle(conn, rx, wc);
	/* The last look at it: who sees this may free the receive. */
	smp_store_release(&conn->rx_done, conn->rx_done + 1);
}

static int iser_rx_alloc_overflows(struct iser_conn *conn)
{
	u8 *addr;
	u64 dma;
	int i;

	conn->large_pdu = kmalloc(ISER_RECV_SIZE + ISER_OVERFLOW_SIZE, GFP_NOIO);
	if (!conn->large_pdu)
		return -ENOMEM;
	for (i = 0; i < ISER_OVERFLOWS; i++) {
		addr = kmalloc(ISER_OVERFLOW_SIZE, GFP_NOIO);
		if (!addr)
			return -ENOMEM;
		dma = ib_dma_map_single(conn->ibdev, addr, ISER_OVERFLOW_SIZE,
					DMA_BIDIRECTIONAL);
		if (ib_dma_mapping_error(conn->ibdev, dma)) {
			kfree(addr);
			return -ENOMEM;
		}
		conn->overflow[i].addr = addr;
		conn->overflow[i].dma = dma;
	}
	return 0;
}

static void iser_rx_init(struct iser_rx *rx, struct iser_conn *conn, void *buf,
			 u64 dma)
{
	u32 area = conn->rx_count++ % ISER_OVERFLOWS;

	rx->conn = conn;
	rx->buf = buf;
	rx->cqe.done = iser_rx_done;
	rx->sge[0] = (struct ib_sge){
		.addr = dma,
		.length = conn->device->recv_size,
		.lkey = conn->pd->local_dma_lkey,
	};
	rx->wr.wr_cqe = &rx->cqe;
	rx->wr.sg_list = rx->sge;
	rx->wr.num_sge = conn->device->recv_sges;
	if (rx->wr.num_sge == 1)
		return;
	rx->overflow = conn->overflow[area].addr;
	rx->sge[1] = (struct ib_sge){
		.addr = conn->overflow[area].dma,
		.length = ISER_OVERFLOW_SIZE,
		.lkey = conn->pd->local_dma_lkey,
	};
}

static struct iser_rx_chunk *iser_rx_chunk_alloc(struct iser_conn *conn)
{
	struct iser_rx_chunk *chunk;

	chunk = kzalloc_obj(*chunk, GFP_NOIO);
	if (!chunk)
		return NULL;
	chunk->size = PAGE_ALIGN(conn->device->recv_size);
	chunk->buf = alloc_pages_exact(chunk->size, GFP_NOIO);
	if (!chunk->buf)
		goto out_free_chunk;
	chunk->dma = ib_dma_map_single(conn->ibdev, chunk->buf, chunk->size,
				       DMA_FROM_DEVICE);
	if (ib_dma_mapping_error(conn->ibdev, chunk->dma))
		goto out_free_buf;
	list_add(&chunk->entry, &conn->rx_chunks);
	return chunk;

out_free_buf:
	free_pages_exact(chunk->buf, chunk->size);
out_free_chunk:
	kfree(chunk);
	return NULL;
}

/**
 * iser_rx_alloc - make receives and post them
 * @conn: connection with a QP
 * @count: of receives to add, for which iser_device_size_queues() has made room
 *
 * Context: process; the CM's ROUTE_RESOLVED, later setup_work.
 * Return: 0; -ENOMEM; -ESHUTDOWN if the connection is being torn down; or what
 * the device said. What was made stays for iser_rx_free().
 */
int iser_rx_alloc(struct iser_conn *conn, u32 count)
{
	u32 size = conn->device->recv_size;
	struct iser_rx_chunk *chunk;
	struct ib_recv_wr wr;
	u32 i, n;
	int err;

	if (conn->device->recv_sges > 1 && !conn->large_pdu) {
		err = iser_rx_alloc_overflows(conn);
		if (err)
			return err;
	}
	while (count) {
		chunk = iser_rx_chunk_alloc(conn);
		if (!chunk)
			return -ENOMEM;
		n = min_t(u32, count, chunk->size / size);
		for (i = 0; i < n; i++) {
			iser_rx_init(&chunk->rx[i], conn, chunk->buf + i * size,
				     chunk->dma + i * size);
			/*
			 * A copy: it may be back, and be linked into the next
			 * chain, before the provider asks this one for its next.
			 */
			wr = chunk->rx[i].wr;
			err = iser_rx_post(conn, &wr, 1);
			if (err)
				return err;
		}
		count -= n;
	}
	return 0;
}

/**
 * iser_rx_free - unmap and free all receives
 * @conn: connection whose QP is gone
 *
 * Context: process; release_work.
 */
void iser_rx_free(struct iser_conn *conn)
{
	struct iser_rx_chunk *chunk, *next;
	int i;

	list_for_each_entry_safe(chunk, next, &conn->rx_chunks, entry) {
		ib_dma_unmap_single(conn->ibdev, chunk->dma, chunk->size,
				    DMA_FROM_DEVICE);
		free_pages_exact(chunk->buf, chunk->size);
		list_del(&chunk->entry);
		kfree(chunk);
	}
	for (i = 0; i < ISER_OVERFLOWS; i++)
		if (conn->overflow[i].addr) {
			ib_dma_unmap_single(conn->ibdev, conn->overflow[i].dma,
					    ISER_OVERFLOW_SIZE, DMA_BIDIRECTIONAL);
			kfree(conn->overflow[i].addr);
		}
	kfree(conn->large_pdu);
}
