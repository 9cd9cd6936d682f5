// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: PDUs, sent and received.
 *
 * Sending. libiscsi calls with session->frwd_lock held, BH off, nothing may
 * sleep. iser_alloc_pdu() gives a task the slot with its index; libiscsi builds
 * the BHS in it. iser_init_task() maps the data, and prepares its registration
 * where the target is to fetch or place it; iser_xmit_task() posts registration,
 * command and unsolicited Data-Out PDUs as one chain. It returns an error only if
 * nothing was sent; libiscsi then asks again. After the post it touches neither
 * slot nor task.
 *
 * The end of an I/O. With the post the slot passes to the HCA, together with a
 * reference on the task. io->hca says what keeps it there: the SENDs, the rkey,
 * a LOCAL_INV. Each completion takes its bit away in iser_io_end(); whoever
 * takes the last one puts the reference. A response goes up to libiscsi at once,
 * which drops its own reference. So the task is freed, iser_cleanup_task()
 * unmaps, and SCSI gets the command back when the last of both is gone,
 * whatever the order, and whoever ended the command: response, task
 * management, or the end of the connection (iser_io_settle()).
 *
 * As long as the HCA owns a slot its task cannot go away. That is why the
 * completion handlers, which run one after the other in the softirq of the
 * connection's CQ, find everything from the slot and take no lock.
 *
 * Receiving. Nothing in a PDU is believed before it has been checked against
 * the length received and against the slot it names; what does not fit fails
 * the connection. An rkey that the target claims to have invalidated must be
 * the one that the command advertised.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/unaligned.h>

#include "iscsi_iser.h"
#include "iser_trace.h"

static struct iser_io *iser_task_io(struct iscsi_task *task)
{
	return ((struct iser_task *)task->dd_data)->io;
}

static struct iser_binding *iser_task_binding(struct iscsi_task *task)
{
	return task->conn->dd_data;
}

/**
 * iser_alloc_pdu - give a task its slot
 * @task: with its index in task->itt
 * @opcode: of the PDU
 *
 * Context: frwd_lock held, BH off.
 * Return: 0; -ENOMEM where there is no connection, which costs a SCSI command
 * a retry; -EOPNOTSUPP for a SCSI command in a discovery session, which fails.
 */
int iser_alloc_pdu(struct iscsi_task *task, u8 opcode)
{
	struct iser_conn *conn = iser_task_binding(task)->conn;
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
 * iser_cleanup_task - take a task off its slot
 * @task: that libiscsi frees; it may never have been sent
 *
 * The HCA is done with the slot: a reference of its own has kept the task
 * until then. Uninitialised mappings, an unsent PDU and the end of the
 * connection are all the same to it.
 *
 * Context: back_lock held, BH off; frwd_lock may be held as well.
 */
void iser_cleanup_task(struct iscsi_task *task)
{
	struct iser_io *io = iser_task_io(task);

	if (!io)
		return;
	iser_io_unmap(io);
	io->awaits = 0;
	io->task = NULL;
	((struct iser_task *)task->dd_data)->io = NULL;
	if (unlikely(io->late)) {
		io->late = false;
		iser_conn_put(io->conn);
	}
}

/*
 * The HCA has given the whole slot back. With the reference on the task the slot
 * may go: send queue entries first.
 */
static void iser_io_over(struct iser_io *io)
{
	struct iser_conn *conn = io->conn;

	/* Pairs with READ_ONCE() in iser_sq_used(). */
	WRITE_ONCE(conn->sq_done, conn->sq_done + io->sq_wrs);
	iscsi_put_task(io->task);
}

/* The HCA has given @part of a slot back. */
static void iser_io_end(struct iser_io *io, enum iser_io_hca part)
{
	if (atomic_sub_and_test(part, &io->hca))
		iser_io_over(io);
}

/* The target has invalidated the rkey; an error handler may be about to. */
static void iser_io_end_rkey(struct iser_io *io)
{
	int owned = atomic_read(&io->hca);

	do {
		if (unlikely(!(owned & ISER_IO_RKEY)))
			return;
	} while (!atomic_try_cmpxchg(&io->hca, &owned, owned - ISER_IO_RKEY));
	if (owned == ISER_IO_RKEY)
		iser_io_over(io);
}

/**
 * iser_io_claim_rkey - decide who invalidates an rkey
 * @io: slot that the HCA owns
 *
 * Context: completion handler; error handler with frwd_lock and back_lock.
 * Return: true for one caller, who then calls iser_io_invalidate().
 */
bool iser_io_claim_rkey(struct iser_io *io)
{
	int owned = atomic_read(&io->hca);

	do {
		if (!(owned & ISER_IO_RKEY))
			return false;
	} while (!atomic_try_cmpxchg(&io->hca, &owned,
				     owned - ISER_IO_RKEY + ISER_IO_INV));
	return true;
}

/**
 * iser_io_settle - take a slot back from an HCA that can do nothing any more
 * @io: slot of a connection whose QP is flushed or destroyed
 *
 * What is left is an rkey that nobody invalidated; it died with the QP. A task
 * that gets no answer is ended by libiscsi's stop.
 *
 * Context: process, the connection's drain_work, completions are over.
 */
void iser_io_settle(struct iser_io *io)
{
	if (atomic_xchg(&io->hca, 0))
		iscsi_put_task(io->task);
}

static void iser_wc_failed(struct iser_conn *conn, struct ib_wc *wc)
{
	if (wc->status == IB_WC_WR_FLUSH_ERR) {
		/*
		 * The first flush tells something; many follow. But before there
		 * is a connection it only announces that the CM, which puts the
		 * QP into the error state first, is about to say why. What is
		 * posted later is flushed as well.
		 */
		if (READ_ONCE(conn->state) != ISER_CONN_CONNECTING)
			iser_conn_fail(conn, "the queue pair was flushed", -ECONNRESET);
		return;
	}
	trace_iser_wc_err(conn, wc);
	iser_conn_fail(conn, ib_wc_status_msg(wc->status), -ECONNRESET);
}

static void iser_send_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct iser_io *io = container_of(wc->wr_cqe, struct iser_io, send_cqe);

	if (unlikely(wc->status != IB_WC_SUCCESS))
		iser_wc_failed(io->conn, wc);
	iser_io_end(io, ISER_IO_SEND);
}

static void iser_early_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct iser_io *io = container_of(wc->wr_cqe, struct iser_io, early_cqe);

	if (unlikely(wc->status != IB_WC_SUCCESS))
		iser_wc_failed(io->conn, wc);
}

static void iser_inv_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct iser_io *io = container_of(wc->wr_cqe, struct iser_io, inv_cqe);

	if (unlikely(wc->status != IB_WC_SUCCESS)) {
		iser_wc_failed(io->conn, wc);
		iser_io_invalidate_failed(io);
		return;
	}
	iser_io_end(io, ISER_IO_INV);
}

static void iser_rx_repost(struct iser_rx *rx)
{
	struct iser_conn *conn = rx->conn;
	int err;

	ib_dma_sync_single_for_device(conn->ibdev, rx->sge[0].addr,
				      rx->sge[0].length, DMA_FROM_DEVICE);
	rx->wr.next = conn->rx_repost;
	conn->rx_repost = &rx->wr;
	if (++conn->rx_repost_count < ISER_RECV_BATCH)
		return;
	err = iser_conn_post_recvs(conn, conn->rx_repost);
	if (unlikely(err && err != -ESHUTDOWN))
		iser_conn_fail(conn, "receives could not be reposted", err);
	conn->rx_repost = NULL;
	conn->rx_repost_count = 0;
}

/*
 * Text longer than a receive's own buffer has run over into an area that other
 * receives share. Put it into one piece, and leave a mark that no text contains
 * in the area: had another large PDU landed there in the meantime, the mark
 * would have destroyed its beginning, and is found when that PDU's turn comes.
 * (The first one may have gone up with the other's end: a target that sends two
 * long texts at a time gets what it asks for.)
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
static struct iser_io *iser_conn_find_io(struct iser_conn *conn, itt_t itt)
{
	u32 index = (__force u32)itt & ISCSI_ITT_MASK;

	return index < conn->num_ios ? &conn->ios[index] : NULL;
}

/* Has a PDU of kind @opcode with this tag been asked for, and not come yet? */
static bool iser_conn_awaits(struct iser_conn *conn, itt_t itt, u8 opcode)
{
	struct iser_io *io = iser_conn_find_io(conn, itt);

	return io && io->awaits == opcode && io->hdr->bhs.itt == itt;
}

/*
 * Is the PDU one that libiscsi may see? It would complete a task of another
 * kind, one that is not sent yet, or one twice. The session's back_lock is held,
 * so that the task stays what it is.
 */
static bool iser_rx_expected(struct iser_rx *rx, const void *data)
{
	const struct iscsi_hdr *bhs = &rx->buf->bhs;
	const struct iscsi_hdr *rejected = data;
	u8 opcode = bhs->opcode & ISCSI_OPCODE_MASK;
	struct iser_io *io;

	if (likely(bhs->itt != RESERVED_ITT)) {
		if (unlikely(!iser_conn_awaits(rx->conn, bhs->itt, opcode)))
			return false;
		io = iser_conn_find_io(rx->conn, bhs->itt);
		io->awaits = 0;
		iser_latency_count(io);
		return true;
	}
	/* libiscsi takes the task of a rejected ping from the PDU's data. */
	return opcode != ISCSI_OP_REJECT || rx->data_len < sizeof(*rejected) ||
	       (rejected->opcode & ISCSI_OPCODE_MASK) != ISCSI_OP_NOOP_OUT ||
	       rejected->itt == RESERVED_ITT ||
	       iser_conn_awaits(rx->conn, rejected->itt, ISCSI_OP_NOOP_IN);
}

/* Hand a checked PDU up. Returns what is wrong with it, or NULL. */
static const char *iser_rx_complete(struct iser_rx *rx)
{
	struct iscsi_conn *iscsi_conn = rx->conn->iscsi_conn;
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

static void iser_count_response(struct iser_conn *conn, struct iser_io *io,
				struct iscsi_scsi_rsp *rsp)
{
	u32 residual = 0;

	if (io->dir != DMA_FROM_DEVICE)
		return;
	if (rsp->flags & ISCSI_FLAG_CMD_UNDERFLOW)
		residual = min(be32_to_cpu(rsp->residual_count), io->length);
	conn->stats->read_bytes += io->length - residual;
	conn->iscsi_conn->rxdata_octets += io->length - residual;
}

static const char *iser_handle_scsi_response(struct iser_rx *rx, struct ib_wc *wc)
{
	struct iscsi_scsi_rsp *rsp = (struct iscsi_scsi_rsp *)&rx->buf->bhs;
	struct iser_conn *conn = rx->conn;
	struct iser_io *io = iser_conn_find_io(conn, rsp->itt);
	bool invalidated = wc->wc_flags & IB_WC_WITH_INVALIDATE;
	int owned;

	if (unlikely(!io))
		return "a response names no task";
	/* A slot that the HCA owns has a task, and its header is as it was sent. */
	owned = atomic_read(&io->hca);
	if (unlikely(owned && io->hdr->bhs.itt != rsp->itt))
		return "a response is for nothing that waits for one";
	trace_iser_io_response(conn, rsp, invalidated);
	if (unlikely(invalidated && (!(owned & (ISER_IO_RKEY | ISER_IO_INV)) ||
				     wc->ex.invalidate_rkey != io->reg_wr.mr->rkey)))
		return "a response invalidated an rkey that is not its command's";
	if (owned)
		iser_count_response(conn, io, rsp);
	if (invalidated) {
		conn->stats->remote_invalidations++;
		iser_io_end_rkey(io);
	} else if ((owned & ISER_IO_RKEY) && iser_io_claim_rkey(io)) {
		iser_io_invalidate(io);
	}
	return NULL;
}

/*
 * Login and Text share one task, which libiscsi uses again as soon as it sees
 * the response: if the request's SEND has not completed, put the response aside
 * for iser_control_done(). Returns what is wrong with it, or NULL.
 */
static const char *iser_rx_hold(struct iser_rx *rx)
{
	struct iser_io *io = iser_conn_find_io(rx->conn, rx->buf->bhs.itt);

	if (rx->conn->held_rx)
		return "two responses to one request";
	if (io && (atomic_read(&io->hca) & ISER_IO_SEND) &&
	    io->hdr->bhs.itt == rx->buf->bhs.itt && !io->task->sc)
		rx->conn->held_rx = rx;
	return NULL;
}

/* Find out where a PDU's data is. Returns what is wrong with the PDU, or NULL. */
static const char *iser_rx_parse(struct iser_rx *rx, struct ib_wc *wc)
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
	return NULL;
}

/* What is no SCSI Response. Returns what is wrong with it, or NULL. */
static const char *iser_handle_control(struct iser_rx *rx, struct ib_wc *wc)
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
static void iser_rx_handle(struct iser_rx *rx, struct ib_wc *wc)
{
	struct iser_conn *conn = rx->conn;
	const char *wrong;

	if (unlikely(wc->status != IB_WC_SUCCESS)) {
		iser_wc_failed(conn, wc);
		return;
	}
	if (unlikely(READ_ONCE(conn->state) != ISER_CONN_UP))
		return;
	/* Pairs with smp_store_release() in iser_conn_couple(). */
	if (unlikely(!smp_load_acquire(&conn->iscsi_conn))) {
		iser_conn_fail(conn, "the target spoke before the login", -EPROTO);
		return;
	}
	ib_dma_sync_single_for_cpu(conn->ibdev, rx->sge[0].addr,
				   rx->sge[0].length, DMA_FROM_DEVICE);
	wrong = iser_rx_parse(rx, wc);
	if (likely(!wrong)) {
		if (likely((rx->buf->bhs.opcode & ISCSI_OPCODE_MASK) ==
			   ISCSI_OP_SCSI_CMD_RSP))
			wrong = iser_handle_scsi_response(rx, wc);
		else
			wrong = iser_handle_control(rx, wc);
	}
	if (likely(!wrong)) {
		if (unlikely(conn->held_rx == rx))
			return;
		wrong = iser_rx_complete(rx);
	}
	if (likely(!wrong))
		iser_rx_repost(rx);
	else
		iser_conn_fail(conn, wrong, -EPROTO);
}

/**
 * iser_recv_done - a receive has completed
 * @cq: the connection's
 * @wc: the completion
 *
 * Context: softirq, BH off.
 */
void iser_recv_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct iser_rx *rx = container_of(wc->wr_cqe, struct iser_rx, cqe);
	struct iser_conn *conn = rx->conn;

	iser_rx_handle(rx, wc);
	/* The last look at it: who sees this may free the receive. */
	smp_store_release(&conn->rx_done, conn->rx_done + 1);
}

static void iser_control_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct iser_io *io = container_of(wc->wr_cqe, struct iser_io, send_cqe);
	struct iser_conn *conn = io->conn;
	struct iser_rx *rx = conn->held_rx;
	bool holds = rx && rx->buf->bhs.itt == io->hdr->bhs.itt;
	struct iscsi_task *no_response = io->no_response ? io->task : NULL;
	const char *wrong;

	if (unlikely(wc->status != IB_WC_SUCCESS))
		iser_wc_failed(conn, wc);
	iser_io_end(io, ISER_IO_SEND);
	/* Nobody else frees a task that gets no answer. */
	if (no_response)
		iscsi_put_task(no_response);
	if (!holds)
		return;
	conn->held_rx = NULL;
	if (READ_ONCE(conn->state) != ISER_CONN_UP)
		return;
	wrong = iser_rx_complete(rx);
	if (wrong)
		iser_conn_fail(conn, wrong, -EPROTO);
	else
		iser_rx_repost(rx);
}

/**
 * iser_io_init - prepare what is the same for every use of a slot
 * @io: slot with conn, hdr and sge[0]
 */
void iser_io_init(struct iser_io *io)
{
	io->early_cqe.done = iser_early_done;
	io->inv_cqe.done = iser_inv_done;
	io->reg_wr.wr.wr_cqe = &io->early_cqe;
	io->reg_wr.wr.next = &io->send_wr;
	io->send_wr.opcode = IB_WR_SEND;
	io->send_wr.sg_list = io->sge;
}

static u32 iser_sq_used(struct iser_conn *conn)
{
	/* Pairs with WRITE_ONCE() in iser_io_over(). */
	return conn->sq_posted - READ_ONCE(conn->sq_done);
}

/*
 * Is there room for a command? One with many Data-Outs might wait for ever, while
 * the shorter ones of other LUNs take each entry that comes free. So what it needs
 * is left free, until a command with Data-Outs has gone, or the queue is empty,
 * because whoever waited will not come again.
 */
static bool iser_sq_has_room(struct iser_io *io)
{
	u32 needed = io->sq_wrs + ISER_CONTROL_WRS;
	struct iser_conn *conn = io->conn;
	u32 used = iser_sq_used(conn);

	if (unlikely(conn->sq_wanted) && (io->dataouts || !used))
		conn->sq_wanted = 0;
	if (likely(conn->sq_size - used >= needed + conn->sq_wanted))
		return true;
	if (io->dataouts)
		conn->sq_wanted = io->sq_wrs;
	conn->stats->sq_full++;
	return false;
}

/*
 * A PDU without SCSI data: management, login, text. Returns what the HCA will
 * own.
 */
static int iser_prepare_control(struct iser_io *io)
{
	struct iscsi_task *task = io->task;
	int err;

	if (iser_sq_used(io->conn) == io->conn->sq_size) {
		io->conn->stats->sq_full++;
		return -EAGAIN;
	}
	io->sq_wrs = 1;
	io->length = 0;
	io->no_response = io->hdr->bhs.itt == RESERVED_ITT;
	io->send_cqe.done = iser_control_done;
	if (task->data_count) {
		err = iser_io_map_text(io, task->data, task->data_count);
		if (err)
			return err;
		io->send_wr.num_sge = 2;
	}
	return ISER_IO_SEND;
}

/*
 * Describe @len bytes of a command's data from @offset on in at most @max SGEs.
 * Returns how many it took, 0 if the scatter list has too many pieces.
 */
static int iser_io_fill_sges(struct iser_io *io, struct ib_sge *sge, int max,
			     u32 offset, u32 len)
{
	u32 lkey = io->sge[0].lkey;
	struct scatterlist *sg = io->sg;
	int n = 0;

	while (offset >= sg_dma_len(sg)) {
		offset -= sg_dma_len(sg);
		sg = sg_next(sg);
	}
	for (;;) {
		u32 piece = min(len, sg_dma_len(sg) - offset);

		if (n == max)
			return 0;
		sge[n].addr = sg_dma_address(sg) + offset;
		sge[n].length = piece;
		sge[n].lkey = lkey;
		n++;
		len -= piece;
		if (!len)
			return n;
		offset = 0;
		sg = sg_next(sg);
	}
}

/*
 * As iser_io_fill_sges(), for registered data: what is in too many pieces is
 * sent through the MR, whose registration stands in front of it in the queue.
 *
 * The MR may be invalidated, by the target's answer or after it, before the
 * transport's acknowledgment of the SEND has come. Should that get lost, the
 * SEND cannot be repeated: the connection fails (local protection error) and is
 * recovered. Nothing wrong is ever sent, for the slot gets a new key no sooner
 * than the SEND has completed. It takes a lost packet and, on a device whose
 * SENDs have four elements or more, pieces that are smaller than pages.
 */
static int iser_io_fill_sges_mr(struct iser_io *io, struct ib_sge *sge, u32 offset,
				u32 len)
{
	int n = iser_io_fill_sges(io, sge, io->conn->data_sges, offset, len);

	if (n)
		return n;
	sge->addr = io->reg_wr.mr->iova + offset;
	sge->length = len;
	sge->lkey = io->reg_wr.mr->lkey;
	return 1;
}

/* Chain the unsolicited Data-Out PDUs of a command behind it. */
static void iser_prepare_dataouts(struct iser_io *io)
{
	struct iscsi_task *task = io->task;
	struct iser_conn *conn = io->conn;
	struct iscsi_r2t_info *unsol = &task->unsol_r2t;
	struct ib_send_wr *prev = &io->send_wr;
	u32 count = io->dataouts;
	u32 i;

	/* Where the queue has room, so has their ring: see iser_start_dataouts(). */
	for (i = 0; i < count; i++) {
		struct iser_dataout *dataout =
			&conn->dataouts[(conn->dataouts_posted + i) &
					(conn->num_dataouts - 1)];

		iscsi_prep_data_out_pdu(task, unsol,
					(struct iscsi_data *)&dataout->hdr->bhs);
		dataout->wr.num_sge = 1 +
			iser_io_fill_sges_mr(io, dataout->sge + 1,
					     unsol->data_offset + unsol->sent,
					     unsol->data_count);
		dataout->wr.wr_cqe = &io->early_cqe;
		dataout->wr.send_flags = 0;
		dataout->wr.next = NULL;
		ib_dma_sync_single_for_device(conn->ibdev, dataout->sge[0].addr,
					      sizeof(*dataout->hdr), DMA_TO_DEVICE);
		unsol->sent += unsol->data_count;
		prev->next = &dataout->wr;
		prev = &dataout->wr;
	}
	io->send_wr.wr_cqe = &io->early_cqe;
	io->send_wr.send_flags = 0;
	prev->wr_cqe = &io->send_cqe;
	prev->send_flags = IB_SEND_SIGNALED;
}

/*
 * The data of a write: what goes with the command, what follows unasked, what
 * the target fetches. The target reads from exactly the address it is given,
 * hence the offset by all that it has been sent. Returns what the HCA will own.
 */
static int iser_prepare_write(struct iser_io *io)
{
	struct iscsi_task *task = io->task;
	struct iser_ctrl *iser = &io->hdr->iser;
	u32 immediate = task->imm_count;
	u32 unsolicited = task->unsol_r2t.data_length;
	u32 sent = immediate + unsolicited;
	int n = 0;
	int err;

	if (immediate) {
		n = iser_io_fill_sges(io, io->sge + 1,
				      io->conn->data_sges, 0, immediate);
		io->send_wr.num_sge = 1 + n;
	}
	if (n && immediate == io->length)
		return ISER_IO_SEND;

	err = iser_io_register(io, io->length > sent ? IB_ACCESS_REMOTE_READ : 0);
	if (err)
		return err;
	if (immediate && !n)
		io->send_wr.num_sge = 1 +
			iser_io_fill_sges_mr(io, io->sge + 1, 0, immediate);
	if (io->length > sent) {
		iser->flags |= ISER_WSV;
		iser->write_stag = cpu_to_be32(io->reg_wr.mr->rkey);
		iser->write_va = cpu_to_be64(io->reg_wr.mr->iova + sent);
	}
	if (unsolicited)
		iser_prepare_dataouts(io);
	return ISER_IO_SEND | ISER_IO_RKEY;
}

static int iser_prepare_read(struct iser_io *io)
{
	struct iser_ctrl *iser = &io->hdr->iser;
	int err;

	err = iser_io_register(io, IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_WRITE);
	if (err)
		return err;
	iser->flags |= ISER_RSV;
	iser->read_stag = cpu_to_be32(io->reg_wr.mr->rkey);
	iser->read_va = cpu_to_be64(io->reg_wr.mr->iova);
	return ISER_IO_SEND | ISER_IO_RKEY;
}

/* A SCSI command. Returns what the HCA will own. */
static int iser_prepare_command(struct iser_io *io, struct scsi_cmnd *sc)
{
	u32 unsolicited = 0;
	int err;

	if (sc->sc_data_direction == DMA_TO_DEVICE)
		unsolicited = io->task->unsol_r2t.data_length;
	if (unsolicited)
		io->dataouts = DIV_ROUND_UP(unsolicited, io->task->conn->max_xmit_dlength);
	io->sq_wrs = io->conn->cmd_wrs + io->dataouts;
	if (unlikely(!iser_sq_has_room(io)))
		return -EAGAIN;
	io->dir = sc->sc_data_direction;
	io->length = scsi_transfer_length(sc);
	io->no_response = false;
	io->send_cqe.done = iser_send_done;
	if (!io->length)
		return ISER_IO_SEND;
	err = iser_io_map(io, sc);
	if (unlikely(err))
		return err;
	return io->dir == DMA_TO_DEVICE ? iser_prepare_write(io) :
					  iser_prepare_read(io);
}

/* What a PDU that has been sent adds to the counters. */
struct iser_sent {
	u8	opcode;
	u32	written;	/* bytes of a write command, 0 for all else */
	u32	immediate;
	u32	unsolicited;
};

static struct iser_sent iser_io_sent(struct iser_io *io)
{
	struct iscsi_task *task = io->task;
	struct iser_sent sent = {
		.opcode = io->hdr->bhs.opcode & ISCSI_OPCODE_MASK,
	};

	if (io->length && io->dir == DMA_TO_DEVICE) {
		sent.written = io->length;
		sent.immediate = task->imm_count;
		sent.unsolicited = task->unsol_r2t.data_length;
	}
	return sent;
}

static void iser_count_sent(struct iser_conn *conn, const struct iser_sent *sent)
{
	struct iser_stats *stats = conn->stats;

	stats->pdus_sent[sent->opcode]++;
	if (!sent->written)
		return;
	stats->immediate_bytes += sent->immediate;
	stats->unsolicited_bytes += sent->unsolicited;
	stats->solicited_bytes += sent->written - sent->immediate - sent->unsolicited;
	conn->iscsi_conn->txdata_octets += sent->written;
}

/*
 * Nothing was posted: the slot is the task's again. False if the target has
 * answered all the same, and thereby ended the task.
 */
static bool iser_io_take_back(struct iser_io *io, int owned)
{
	struct iscsi_session *session = io->task->conn->session;
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

static void iser_io_begin(struct iser_io *io)
{
	memset(&io->hdr->iser, 0, sizeof(io->hdr->iser));
	io->hdr->iser.flags = ISCSI_CTRL;
	io->dataouts = 0;
	io->send_wr.next = NULL;
	io->send_wr.num_sge = 1;
	io->send_wr.wr_cqe = &io->send_cqe;
	io->send_wr.send_flags = IB_SEND_SIGNALED;
}

/* Once for a connection: the same will be wrong with the others. */
static void iser_say_unfit(struct iser_io *io)
{
	struct iser_conn *conn = io->conn;

	if (conn->unfit_said)
		return;
	conn->unfit_said = true;
	iser_conn_log(err, conn,
		      "%u bytes in %d pieces fail: the device cannot describe such data (%d)\n",
		      io->length, io->dma_count, io->prepared);
}

/**
 * iser_init_task - map and register the data of a SCSI command
 * @task: with a slot, its BHS built
 *
 * An error of xmit_task always leads to a retry, one of this never: only what
 * would be the same at each retry is an error here. Control PDUs are prepared
 * when they are sent.
 *
 * Context: frwd_lock held, BH off; xmit_task follows under the same lock.
 * Return: 0; -EIO if the command's data cannot be described to the device.
 */
int iser_init_task(struct iscsi_task *task)
{
	struct iser_io *io = iser_task_io(task);

	if (!task->sc || unlikely(io->conn->state != ISER_CONN_UP))
		return 0;
	iser_io_begin(io);
	io->prepared = iser_prepare_command(io, task->sc);
	if (likely(io->prepared != -EINVAL && io->prepared != -EOPNOTSUPP))
		return 0;
	iser_say_unfit(io);
	return -EIO;
}

/**
 * iser_xmit_task - send a PDU
 * @task: with a slot, its BHS built; a command has been prepared
 *
 * Posts only while the connection is UP; for a bound connection that state is
 * left under frwd_lock.
 *
 * Context: frwd_lock held, BH off.
 * Return: 0 if anything was sent. Else nothing was, and libiscsi gives a SCSI
 * command back for a retry, which may well succeed: -ENOTCONN (another connection
 * comes), -EAGAIN (no room in the send queue, some comes free), -ENOMEM (no
 * mapping, likewise), or what the device said.
 */
int iser_xmit_task(struct iscsi_task *task)
{
	struct iser_io *io = iser_task_io(task);
	struct iser_conn *conn = io->conn;
	struct ib_send_wr *first = &io->send_wr;
	u32 wrs, dataouts;
	struct iser_sent sent;
	int owned, err;

	lockdep_assert_held(&task->conn->session->frwd_lock);
	if (unlikely(conn->state != ISER_CONN_UP))
		return -ENOTCONN;
	if (task->sc) {
		owned = io->prepared;
	} else {
		iser_io_begin(io);
		owned = iser_prepare_control(io);
	}
	if (unlikely(owned < 0)) {
		err = owned;
		goto out_unmap;
	}
	if (owned & ISER_IO_RKEY)
		first = &io->reg_wr.wr;
	ib_dma_sync_single_for_device(conn->ibdev, io->sge[0].addr,
				      sizeof(*io->hdr), DMA_TO_DEVICE);
	trace_iser_io_send(io);
	iscsi_get_task(task);
	wrs = io->sq_wrs;
	dataouts = io->dataouts;
	sent = iser_io_sent(io);
	conn->sq_posted += wrs;
	conn->dataouts_posted += dataouts;
	conn->bad_wr = NULL;
	iser_latency_start(io);
	atomic_set(&io->hca, owned);
	/* A response has its request's opcode and this bit (RFC 7143, 11.2.1.2). */
	smp_store_release(&io->awaits, sent.opcode | 0x20);
	/* From here on the slot may be anybody's, unless nothing was posted. */
	err = ib_post_send(conn->qp, first, &conn->bad_wr);
	if (likely(!err)) {
		conn->stats->registrations += owned / ISER_IO_RKEY;
		iser_count_sent(conn, &sent);
		return 0;
	}
	if (conn->bad_wr != first) {
		/* Invariant 5: what was posted in part counts as sent. */
		iser_conn_fail(conn, "a command could be posted only in part", err);
		iser_io_leave_to_flush(io);
		return 0;
	}
	if (unlikely(!iser_io_take_back(io, owned))) {
		iser_conn_fail(conn, "a response came before its command", -EPROTO);
		iser_io_leave_to_flush(io);
		return 0;
	}
	conn->sq_posted -= wrs;
	conn->dataouts_posted -= dataouts;
	iscsi_put_task(task);
out_unmap:
	iser_io_unmap(io);
	return err;
}
