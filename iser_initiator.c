// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: PDUs on their way out.
 *
 * libiscsi calls with session->frwd_lock held, BH off, nothing may sleep. It has
 * built the BHS in the task's slot. iser_init_task() maps the data of a SCSI command
 * and decides how it goes: registered, so that the target places or fetches it, or
 * as immediate data. iser_xmit_task() posts what belongs to a command as one chain:
 * registration, command and, where they have been negotiated, Data-Out PDUs.
 * It returns an error only if nothing was sent; libiscsi then asks again. After the
 * post it touches neither slot nor task. What happens from then on is told in
 * iser_io.c.
 *
 * The send queue is accounted for by position. A signalled SEND that completes gives
 * back all that was posted before it; what is not signalled takes room until then,
 * hence so many entries of it and no more. For the LOCAL_INV that a command may come
 * to need there is an entry aside, one for each that SCSI may have out.
 */
#include "iser_io.h"

static u32 iser_sq_used(struct iser_conn *conn)
{
	/* Pairs with WRITE_ONCE() in iser_io_sent(). */
	return conn->sq_posted - READ_ONCE(conn->sq_done);
}

/*
 * Is there room for a command? One with many Data-Outs might wait for ever, while
 * the shorter ones of other LUNs take each entry that comes free. So what it needs
 * is left free, until a command with Data-Outs has gone, or nothing more will come
 * free, because whoever waited will not come again.
 */
static noinline bool iser_sq_find_room(struct iser_io *io)
{
	struct iser_conn *conn = io->conn;
	u32 used = iser_sq_used(conn);

	if (io->dataouts || used == conn->sq_posted - conn->sq_signalled)
		conn->sq_room = conn->sq_size - ISER_CONTROL_WRS;
	if (used + io->sq_wrs <= conn->sq_room)
		return true;
	if (io->dataouts)
		conn->sq_room = conn->sq_size - ISER_CONTROL_WRS - io->sq_wrs;
	conn->stats->sq_full++;
	return false;
}

/* Make a slot fit for an ordinary command again. */
static noinline void iser_prepare_ordinary(struct iser_io *io)
{
	io->altered = false;
	io->no_response = false;
	io->dataouts = 0;
	io->sq_wrs = io->conn->reg_wrs + 1;
	io->reg_wr.wr.opcode = IB_WR_REG_MR;
	io->reg_wr.wr.next = &io->inline_wr;
	io->reg_wr.mr = io->mr;
	io->send_wr.next = NULL;
	io->send_wr.wr_cqe = &io->send_cqe;
	io->send_wr.send_flags = IB_SEND_SIGNALED;
}

static __always_inline void iser_prepare_slot(struct iser_io *io)
{
	memset(&io->hdr->iser, 0, sizeof(io->hdr->iser));
	io->hdr->iser.flags = ISCSI_CTRL;
	if (unlikely(io->altered))
		iser_prepare_ordinary(io);
}

/*
 * Describe @len bytes of a command's data from @offset on in at most @max SGEs.
 * Returns how many it took, 0 if the scatter list has too many pieces.
 */
static int iser_prepare_sges(struct iser_io *io, struct ib_sge *sge, int max,
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
 * As iser_prepare_sges(), for registered data: what is in too many pieces is
 * sent through the MR, whose registration stands in front of it in the queue.
 *
 * The MR may be invalidated, by the target's answer or after it, before the
 * transport's acknowledgment of the SEND has come. Should that get lost, the
 * SEND cannot be repeated: the connection fails (local protection error) and is
 * recovered. Nothing wrong is ever sent, for the slot gets a new key no sooner
 * than the SEND has completed. It takes a lost packet and, on a device whose
 * SENDs have four elements or more, pieces that are smaller than pages.
 */
static int iser_prepare_sges_mr(struct iser_io *io, struct ib_sge *sge, u32 offset,
				u32 len)
{
	int n = iser_prepare_sges(io, sge, io->conn->data_sges, offset, len);

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
			iser_prepare_sges_mr(io, dataout->sge + 1,
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

/* Is none of the PDUs that carry the first @sent bytes in too many pieces? */
static bool iser_prepare_fits(struct iser_io *io, u32 sent)
{
	u32 segment = io->task->conn->max_xmit_dlength;
	u32 offset, len;

	for (offset = 0; offset < sent; offset += len) {
		len = min(offset ? segment : io->task->imm_count ?: segment,
			  sent - offset);
		if (!iser_prepare_sges(io, io->sge + 1, io->conn->data_sges, offset, len))
			return false;
	}
	return true;
}

/*
 * InitialR2T=No. tgt relies on getting all that may be sent unasked, so that the
 * target fetches what is beyond it. It reads from exactly the address that it is
 * given, hence the offset by all that it has been sent.
 */
static noinline int iser_prepare_unsolicited(struct iser_io *io)
{
	struct iscsi_task *task = io->task;
	struct iser_ctrl *iser = &io->hdr->iser;
	u32 immediate = task->imm_count;
	u32 sent = immediate + task->unsol_r2t.data_length;
	int owned = ISER_IO_SEND;
	int err;

	if (io->length > sent || !iser_prepare_fits(io, sent)) {
		err = iser_io_register(io, io->length > sent ?
					   IB_ACCESS_REMOTE_READ : 0);
		if (err)
			return err;
		owned |= ISER_IO_RKEY;
	}
	io->send_wr.num_sge = 1;
	if (io->length > sent) {
		iser->flags |= ISER_WSV;
		iser->write_stag = cpu_to_be32(io->reg_wr.mr->rkey);
		iser->write_va = cpu_to_be64(io->reg_wr.mr->iova + sent);
	}
	if (immediate)
		io->send_wr.num_sge = 1 +
			iser_prepare_sges_mr(io, io->sge + 1, 0, immediate);
	if (io->dataouts)
		iser_prepare_dataouts(io);
	return owned;
}

/* Send all of a write's data with the command. False: it is in too many pieces. */
static bool iser_prepare_immediate(struct iser_io *io)
{
	int n = 1;

	if (likely(io->dma_count == 1)) {
		io->sge[1].addr = sg_dma_address(io->sg);
		io->sge[1].length = io->length;
		io->sge[1].lkey = io->sge[0].lkey;
	} else {
		n = iser_prepare_sges(io, io->sge + 1, io->conn->data_sges, 0,
				      io->length);
	}
	io->send_wr.num_sge = 1 + n;
	return n;
}

/*
 * A registered command: its header goes inline and unsignalled, unless as many did
 * as may. Returns what the HCA will own.
 */
static int iser_prepare_registered(struct iser_io *io)
{
	struct iser_conn *conn = io->conn;

	if (likely(conn->sq_posted - conn->sq_signalled + io->sq_wrs <=
		   conn->sq_unsignalled))
		return ISER_IO_RKEY;
	io->send_wr.num_sge = 1;
	return ISER_IO_RKEY | ISER_IO_SEND;
}

/*
 * The data of a write goes with the command if all of it can. Else the target
 * fetches all of it, for its RDMA Read costs the same with a little less to fetch,
 * and a header alone can go inline. Returns what the HCA will own.
 */
static int iser_prepare_write(struct iser_io *io)
{
	struct iscsi_task *task = io->task;
	struct iser_ctrl *iser = &io->hdr->iser;
	struct ib_mr *mr;
	int err;

	if (task->imm_count == io->length && likely(iser_prepare_immediate(io)))
		return ISER_IO_SEND;
	if (unlikely(!task->conn->session->initial_r2t_en))
		return iser_prepare_unsolicited(io);
	task->imm_count = 0;
	zero_data(io->hdr->bhs.dlength);
	err = iser_io_register(io, IB_ACCESS_REMOTE_READ);
	if (unlikely(err))
		return err;
	mr = io->reg_wr.mr;
	iser->flags = ISCSI_CTRL | ISER_WSV;
	iser->write_stag = cpu_to_be32(mr->rkey);
	iser->write_va = cpu_to_be64(mr->iova);
	return iser_prepare_registered(io);
}

static int iser_prepare_read(struct iser_io *io)
{
	struct iser_ctrl *iser = &io->hdr->iser;
	struct ib_mr *mr;
	int err;

	err = iser_io_register(io, IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_WRITE);
	if (unlikely(err))
		return err;
	mr = io->reg_wr.mr;
	iser->flags = ISCSI_CTRL | ISER_RSV;
	iser->read_stag = cpu_to_be32(mr->rkey);
	iser->read_va = cpu_to_be64(mr->iova);
	return iser_prepare_registered(io);
}

/* Room for a write's Data-Out PDUs, too. */
static noinline bool iser_prepare_room_for_dataouts(struct iser_io *io, u32 unsolicited)
{
	io->altered = true;
	io->dataouts = DIV_ROUND_UP(unsolicited, io->task->conn->max_xmit_dlength);
	io->sq_wrs += io->dataouts;
	return iser_sq_find_room(io);
}

static bool iser_prepare_room(struct iser_io *io)
{
	struct iscsi_task *task = io->task;
	struct iser_conn *conn = io->conn;

	if (io->dir == DMA_TO_DEVICE && unlikely(task->unsol_r2t.data_length))
		return iser_prepare_room_for_dataouts(io, task->unsol_r2t.data_length);
	return likely(iser_sq_used(conn) + io->sq_wrs <= conn->sq_room) ||
	       iser_sq_find_room(io);
}

/* A SCSI command. Returns what the HCA will own. */
static int iser_prepare_command(struct iser_io *io, struct scsi_cmnd *sc)
{
	int err;

	io->dir = sc->sc_data_direction;
	io->length = scsi_transfer_length(sc);
	if (unlikely(!iser_prepare_room(io)))
		return -EAGAIN;
	if (!io->length) {
		io->send_wr.num_sge = 1;
		return ISER_IO_SEND;
	}
	err = iser_mem_map(io, sc);
	if (unlikely(err))
		return err;
	return io->dir == DMA_TO_DEVICE ? iser_prepare_write(io) :
					  iser_prepare_read(io);
}

/* Once for a connection: the same will be wrong with the others. */
static void iser_prepare_log_misfit(struct iser_io *io)
{
	struct iser_conn *conn = io->conn;

	if (conn->misfit_logged)
		return;
	conn->misfit_logged = true;
	iser_conn_log(conn, KERN_ERR,
		      "%u bytes in %d pieces fail: the device cannot describe such data (%d)\n",
		      io->length, io->dma_count, io->prepared);
}

/**
 * iser_init_task - callback: map and register the data of a SCSI command
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

	if (!task->sc)
		return 0;
	if (unlikely(io->conn->state != ISER_CONN_UP)) {
		io->prepared = -ENOTCONN;
		return 0;
	}
	iser_prepare_slot(io);
	io->prepared = iser_prepare_command(io, task->sc);
	if (likely(io->prepared != -EINVAL && io->prepared != -EOPNOTSUPP))
		return 0;
	iser_prepare_log_misfit(io);
	return -EIO;
}

/* A PDU without SCSI data: management, login, text. As iser_xmit_task(). */
static noinline int iser_xmit_control(struct iscsi_task *task, struct iser_io *io)
{
	struct iser_conn *conn = io->conn;
	int err;

	if (conn->state != ISER_CONN_UP)
		return -ENOTCONN;
	if (iser_sq_used(conn) == conn->sq_size) {
		conn->stats->sq_full++;
		return -EAGAIN;
	}
	iser_prepare_slot(io);
	io->altered = true;
	io->sq_wrs = 1;
	io->length = 0;
	io->no_response = io->hdr->bhs.itt == RESERVED_ITT;
	io->send_wr.num_sge = 1;
	iser_io_set_control(io);
	if (task->data_count) {
		err = iser_mem_map_text(io, task->data, task->data_count);
		if (err)
			return err;
		io->send_wr.num_sge = 2;
	}
	return iser_io_post(io, ISER_IO_SEND);
}

/**
 * iser_xmit_task - callback: send a PDU
 * @task: with a slot, its BHS built; a command has been prepared
 *
 * Posts only while the connection is UP, as it was in init_task, too: a bound
 * connection leaves that state under frwd_lock.
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
	int owned;

	lockdep_assert_held(&task->conn->session->frwd_lock);
	if (unlikely(!task->sc))
		return iser_xmit_control(task, io);
	owned = io->prepared;
	if (likely(owned == ISER_IO_RKEY))
		return iser_io_post_inline(io);
	/* What has been mapped is unmapped with the task, which libiscsi frees. */
	return likely(owned >= 0) ? iser_io_post(io, owned) : owned;
}
