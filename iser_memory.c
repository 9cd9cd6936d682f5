// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: the memory that the HCA sees.
 *
 * A connection owns header buffers (one for each I/O slot, and, once the
 * negotiated values ask for Data-Out PDUs, one for each of those), one MR for
 * each slot, and receives. All of it is made in process context by bind, setup
 * and start_conn and taken apart by the connection's release. The I/O path
 * maps and registers the data of a command and nothing else.
 *
 * A slot's MR goes through one cycle per command: iser_io_map() maps the
 * scatter list, iser_io_register() prepares the REG_MR that leaves in one post
 * with the command, and the rkey dies by the target's Send with Invalidate or
 * by iser_io_invalidate(). Each cycle has a key of its own, so that a late use
 * of an old rkey faults. iser_io_unmap() runs from cleanup_task, which libiscsi
 * calls under session->back_lock and only after the HCA has given the slot
 * back; or, where a late task has kept the slot over the end of the
 * connection, from iser_conn_settle() under the same lock.
 *
 * Header memory and slots stay until the connection's last reference is gone,
 * because tasks point into them; mappings and MRs go with the release.
 */
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/t10-pi.h>

#include "iscsi_iser.h"
#include "iser_trace.h"

#define ISER_HDR_STRIDE		128
#define ISER_HDRS_PER_PAGE	(PAGE_SIZE / ISER_HDR_STRIDE)
#define ISER_RECVS_PER_PAGE	(PAGE_SIZE / ISER_RECV_SIZE)

/* Receive buffers that are mapped together: a page of them, or one that is larger. */
struct iser_rx_chunk {
	struct list_head	entry;		/* conn->rx_chunks */
	void			*buf;
	size_t			size;
	u64			dma;
	struct iser_rx		rx[ISER_RECVS_PER_PAGE];
};

static void iser_hdrs_unmap(struct ib_device *ibdev, struct iser_hdr_pages *hdrs)
{
	unsigned int i;

	if (!hdrs)
		return;
	for (i = 0; i < hdrs->count; i++)
		ib_dma_unmap_single(ibdev, hdrs->pages[i].dma, PAGE_SIZE,
				    DMA_TO_DEVICE);
}

static void iser_hdrs_free(struct iser_hdr_pages *hdrs)
{
	unsigned int i;

	if (!hdrs)
		return;
	for (i = 0; i < hdrs->count; i++)
		free_page((unsigned long)hdrs->pages[i].addr);
	kfree(hdrs);
}

static struct iser_hdr_pages *iser_hdrs_alloc(struct ib_device *ibdev, u32 count)
{
	unsigned int pages = DIV_ROUND_UP(count, ISER_HDRS_PER_PAGE);
	struct iser_hdr_pages *hdrs;
	void *addr;
	u64 dma;

	hdrs = kzalloc(struct_size(hdrs, pages, pages), GFP_NOIO);
	if (!hdrs)
		return NULL;
	while (hdrs->count < pages) {
		addr = (void *)get_zeroed_page(GFP_NOIO);
		if (!addr)
			goto out_free;
		dma = ib_dma_map_single(ibdev, addr, PAGE_SIZE, DMA_TO_DEVICE);
		if (ib_dma_mapping_error(ibdev, dma)) {
			free_page((unsigned long)addr);
			goto out_free;
		}
		hdrs->pages[hdrs->count].addr = addr;
		hdrs->pages[hdrs->count].dma = dma;
		hdrs->count++;
	}
	return hdrs;

out_free:
	iser_hdrs_unmap(ibdev, hdrs);
	iser_hdrs_free(hdrs);
	return NULL;
}

static struct iser_pdu_hdr *iser_hdrs_buf(struct iser_hdr_pages *hdrs, u32 i)
{
	return hdrs->pages[i / ISER_HDRS_PER_PAGE].addr +
	       i % ISER_HDRS_PER_PAGE * ISER_HDR_STRIDE;
}

static struct ib_sge iser_hdrs_sge(struct iser_conn *conn,
				   struct iser_hdr_pages *hdrs, u32 i)
{
	return (struct ib_sge){
		.addr = hdrs->pages[i / ISER_HDRS_PER_PAGE].dma +
			i % ISER_HDRS_PER_PAGE * ISER_HDR_STRIDE,
		.length = sizeof(struct iser_pdu_hdr),
		.lkey = conn->pd->local_dma_lkey,
	};
}

/**
 * iser_conn_alloc_ios - make the I/O slots of a session's tasks
 * @conn: connection in state UP, not yet coupled
 * @count: of tasks
 *
 * Context: process; bind, before anybody else can see the slots.
 * Return: 0, or -ENOMEM with nothing kept.
 */
int iser_conn_alloc_ios(struct iser_conn *conn, u32 count)
{
	u32 i;

	conn->hdrs = iser_hdrs_alloc(conn->ibdev, count);
	if (!conn->hdrs)
		return -ENOMEM;
	conn->ios = kvcalloc(count, sizeof(*conn->ios), GFP_NOIO);
	if (!conn->ios) {
		iser_hdrs_unmap(conn->ibdev, conn->hdrs);
		iser_hdrs_free(conn->hdrs);
		conn->hdrs = NULL;
		return -ENOMEM;
	}
	for (i = 0; i < count; i++) {
		struct iser_io *io = &conn->ios[i];

		io->conn = conn;
		io->hdr = iser_hdrs_buf(conn->hdrs, i);
		io->sge[0] = iser_hdrs_sge(conn, conn->hdrs, i);
		iser_io_init(io);
	}
	conn->num_ios = count;
	return 0;
}

/**
 * iser_conn_free_ios - free what tasks may have pointed into
 * @conn: connection without references, after its release
 */
void iser_conn_free_ios(struct iser_conn *conn)
{
	kvfree(conn->ios);
	iser_hdrs_free(conn->hdrs);
	kvfree(conn->dataouts);
	iser_hdrs_free(conn->dataout_hdrs);
}

/**
 * iser_conn_alloc_mrs - make the MRs of each I/O slot
 * @conn: coupled connection
 *
 * Context: process; the connection's setup_work.
 * Return: 0 or what the device said; MRs made so far stay for the release.
 */
int iser_conn_alloc_mrs(struct iser_conn *conn)
{
	struct iser_device *device = conn->device;
	u32 max_sectors = conn->iscsi_conn->session->host->max_sectors;
	u32 pages = min_t(u64, device->mr_pages,
			  (u64)max_sectors * SECTOR_SIZE / ISER_MR_PAGE_SIZE + 1);
	struct ib_mr *mr;
	u32 i;

	for (i = 0; i < conn->num_ios; i++) {
		mr = ib_alloc_mr(conn->pd, device->mr_type, pages);
		if (IS_ERR(mr))
			return PTR_ERR(mr);
		conn->ios[i].reg_wr.mr = mr;
		conn->ios[i].mr = mr;
		if (device->prot_caps) {
			mr = ib_alloc_mr_integrity(conn->pd, pages, pages);
			if (IS_ERR(mr))
				return PTR_ERR(mr);
			conn->ios[i].pi_mr = mr;
		}
		if (READ_ONCE(conn->state) != ISER_CONN_UP || READ_ONCE(conn->err))
			return -ESHUTDOWN;
	}
	return 0;
}

/**
 * iser_conn_free_mrs - free the MRs of all slots
 * @conn: connection whose QP has been flushed
 */
void iser_conn_free_mrs(struct iser_conn *conn)
{
	u32 i;

	for (i = 0; i < conn->num_ios; i++) {
		if (conn->ios[i].mr)
			ib_dereg_mr(conn->ios[i].mr);
		if (conn->ios[i].pi_mr)
			ib_dereg_mr(conn->ios[i].pi_mr);
		conn->ios[i].mr = NULL;
		conn->ios[i].pi_mr = NULL;
	}
}

/**
 * iser_conn_alloc_dataouts - make room for Data-Out PDUs
 * @conn: coupled connection in state UP that has sent no command yet
 * @count: of PDUs that may be under way at the same time, a power of two
 *
 * Context: process; start_conn.
 * Return: 0 or -ENOMEM.
 */
int iser_conn_alloc_dataouts(struct iser_conn *conn, u32 count)
{
	u32 i;

	conn->dataout_hdrs = iser_hdrs_alloc(conn->ibdev, count);
	if (!conn->dataout_hdrs)
		return -ENOMEM;
	/* Should this fail, the connection is given up and releases the rest. */
	conn->dataouts = kvcalloc(count, sizeof(*conn->dataouts), GFP_NOIO);
	if (!conn->dataouts)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		struct iser_dataout *dataout = &conn->dataouts[i];

		dataout->hdr = iser_hdrs_buf(conn->dataout_hdrs, i);
		dataout->hdr->iser.flags = ISCSI_CTRL;
		dataout->sge[0] = iser_hdrs_sge(conn, conn->dataout_hdrs, i);
		dataout->wr.opcode = IB_WR_SEND;
		dataout->wr.sg_list = dataout->sge;
	}
	conn->num_dataouts = count;
	return 0;
}

static int iser_conn_alloc_overflows(struct iser_conn *conn)
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
	rx->cqe.done = iser_recv_done;
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

	chunk = kzalloc(sizeof(*chunk), GFP_NOIO);
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
 * iser_conn_alloc_recvs - make receives and post them
 * @conn: connection with a QP
 * @count: of receives to add, for which the queue has room: iser_device_query()
 *	   asks for that of the login, bind for that of the session
 *
 * Context: process; the CM's ROUTE_RESOLVED, later setup_work.
 * Return: 0; -ENOMEM; -ESHUTDOWN if the connection is being torn down; or what
 * the device said. What was made stays for the release.
 */
int iser_conn_alloc_recvs(struct iser_conn *conn, u32 count)
{
	u32 size = conn->device->recv_size;
	struct iser_rx_chunk *chunk;
	struct ib_recv_wr wr;
	u32 i, n;
	int err;

	if (conn->device->recv_sges > 1 && !conn->large_pdu) {
		err = iser_conn_alloc_overflows(conn);
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
			err = iser_conn_post_recvs(conn, &wr);
			if (err)
				return err;
		}
		count -= n;
	}
	return 0;
}

/**
 * iser_conn_unmap_buffers - end the HCA's view of headers and receives
 * @conn: connection whose QP is gone
 *
 * Frees the receives, too; headers stay for the tasks that point to them.
 */
void iser_conn_unmap_buffers(struct iser_conn *conn)
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
	iser_hdrs_unmap(conn->ibdev, conn->hdrs);
	iser_hdrs_unmap(conn->ibdev, conn->dataout_hdrs);
}

static int iser_io_map_prot(struct iser_io *io, struct scsi_cmnd *sc)
{
	int count = scsi_prot_sg_count(sc);
	int mapped;

	mapped = ib_dma_map_sg(io->conn->ibdev, scsi_prot_sglist(sc), count, io->dir);
	if (mapped <= 0)
		return -ENOMEM;
	io->prot_sg = scsi_prot_sglist(sc);
	io->prot_count = count;
	io->prot_dma_count = mapped;
	return 0;
}

/**
 * iser_io_map - map the data of a SCSI command
 * @io: slot of the command
 * @sc: the command, with data
 *
 * Context: xmit_task, frwd_lock held.
 * Return: 0, or -ENOMEM: send nothing, libiscsi tries again; what is mapped is
 * for iser_io_unmap().
 */
int iser_io_map(struct iser_io *io, struct scsi_cmnd *sc)
{
	int count = scsi_sg_count(sc);
	int mapped;

	mapped = ib_dma_map_sg(io->conn->ibdev, scsi_sglist(sc), count, io->dir);
	if (unlikely(mapped <= 0))
		return -ENOMEM;
	io->sg = scsi_sglist(sc);
	io->sg_count = count;
	io->dma_count = mapped;
	return scsi_prot_sg_count(sc) ? iser_io_map_prot(io, sc) : 0;
}

/**
 * iser_io_map_text - map the text of a Login or Text Request
 * @io: slot of the request
 * @text: what to send
 * @len: of it in bytes, not 0
 *
 * Context: xmit_task, frwd_lock held.
 * Return: 0 or -ENOMEM.
 */
int iser_io_map_text(struct iser_io *io, void *text, u32 len)
{
	u64 dma = ib_dma_map_single(io->conn->ibdev, text, len, DMA_TO_DEVICE);

	if (ib_dma_mapping_error(io->conn->ibdev, dma))
		return -ENOMEM;
	io->text_dma = dma;
	io->text_len = len;
	io->sge[1] = (struct ib_sge){
		.addr = dma,
		.length = len,
		.lkey = io->conn->pd->local_dma_lkey,
	};
	return 0;
}

/**
 * iser_io_unmap - unmap what the slot's task has mapped, if anything
 * @io: slot that the HCA does not own
 *
 * Context: session->back_lock held, or frwd_lock in a failing xmit_task.
 */
void iser_io_unmap(struct iser_io *io)
{
	if (io->sg) {
		ib_dma_unmap_sg(io->conn->ibdev, io->sg, io->sg_count, io->dir);
		io->sg = NULL;
	}
	if (unlikely(io->prot_sg)) {
		ib_dma_unmap_sg(io->conn->ibdev, io->prot_sg, io->prot_count, io->dir);
		io->prot_sg = NULL;
	}
	if (unlikely(io->text_len)) {
		ib_dma_unmap_single(io->conn->ibdev, io->text_dma, io->text_len,
				    DMA_TO_DEVICE);
		io->text_len = 0;
	}
}

static void iser_pi_set_domain(struct ib_sig_domain *domain, struct scsi_cmnd *sc,
			       enum ib_t10_dif_bg_type guard)
{
	domain->sig_type = IB_SIG_TYPE_T10_DIF;
	domain->sig.dif.bg_type = guard;
	domain->sig.dif.pi_interval = scsi_prot_interval(sc);
	domain->sig.dif.ref_tag = scsi_prot_ref_tag(sc);
	domain->sig.dif.ref_remap = sc->prot_flags & SCSI_PROT_REF_INCREMENT;
	/* All ones in the tags switch the checks of a sector off (SBC-4, 4.21). */
	domain->sig.dif.apptag_check_mask = 0xffff;
	domain->sig.dif.app_escape = true;
	domain->sig.dif.ref_escape = scsi_get_prot_type(sc) == SCSI_PROT_DIF_TYPE3;
}

/* Where there is protection information: on the wire, in this memory, or both. */
static void iser_pi_set_attrs(struct ib_sig_attrs *attrs, struct scsi_cmnd *sc)
{
	enum ib_t10_dif_bg_type guard = sc->prot_flags & SCSI_PROT_IP_CHECKSUM ?
					IB_T10DIF_CSUM : IB_T10DIF_CRC;
	unsigned char op = scsi_get_prot_op(sc);

	memset(attrs, 0, sizeof(*attrs));
	attrs->mem.sig_type = IB_SIG_TYPE_NONE;
	attrs->wire.sig_type = IB_SIG_TYPE_NONE;
	if (op != SCSI_PROT_READ_STRIP && op != SCSI_PROT_WRITE_INSERT)
		iser_pi_set_domain(&attrs->mem, sc, guard);
	if (op != SCSI_PROT_READ_INSERT && op != SCSI_PROT_WRITE_STRIP)
		iser_pi_set_domain(&attrs->wire, sc, IB_T10DIF_CRC);
	if (sc->prot_flags & SCSI_PROT_GUARD_CHECK)
		attrs->check_mask |= IB_SIG_CHECK_GUARD;
	if (sc->prot_flags & SCSI_PROT_REF_CHECK)
		attrs->check_mask |= IB_SIG_CHECK_REFTAG;
}

static int iser_pi_status(struct iser_io *io, struct ib_mr_status *status)
{
	int err;

	err = ib_check_mr_status(io->pi_mr, IB_MR_CHECK_SIG_STATUS, status);
	if (!err)
		io->pi_unchecked = false;
	return err;
}

static int iser_io_register_pi(struct iser_io *io, int access)
{
	struct ib_mr *mr = io->pi_mr;
	struct ib_mr_status status;
	int err;

	if (!mr)
		return -EOPNOTSUPP;
	/* One that was not fetched, as of an aborted command, stands in the way. */
	err = io->pi_unchecked ? iser_pi_status(io, &status) : 0;
	if (err)
		return err;
	/* First, for the mapping adds to them. */
	iser_pi_set_attrs(mr->sig_attrs, io->task->sc);
	err = ib_map_mr_sg_pi(mr, io->sg, io->dma_count, NULL, io->prot_sg,
			      io->prot_sg ? io->prot_dma_count : 0, NULL,
			      ISER_MR_PAGE_SIZE);
	if (err)
		return err < 0 ? err : -EINVAL;
	ib_update_fast_reg_key(mr, ib_inc_rkey(mr->rkey));
	io->pi_unchecked = true;
	io->reg_wr.wr.opcode = IB_WR_REG_MR_INTEGRITY;
	io->reg_wr.mr = mr;
	io->reg_wr.key = mr->rkey;
	/* The HCA itself writes what it inserts or strips. */
	io->reg_wr.access = access | IB_ACCESS_LOCAL_WRITE;
	trace_iser_mr_register(io);
	return 0;
}

/**
 * iser_check_protection - what the HCA found about a command's integrity
 * @task: protected command whose response has come
 * @sector: set to the first bad one if there is one
 *
 * Context: back_lock held.
 * Return: 0, or the additional sense code qualifier: 1 guard, 2 application tag,
 * 3 reference tag.
 */
u8 iser_check_protection(struct iscsi_task *task, sector_t *sector)
{
	struct iser_io *io = ((struct iser_task *)task->dd_data)->io;
	struct scsi_cmnd *sc = task->sc;
	struct ib_mr_status status;
	u64 offset;

	if (!io->pi_unchecked)
		return 0;
	*sector = scsi_get_lba(sc);
	/* Data of unknown integrity is bad data. */
	if (iser_pi_status(io, &status))
		return 1;
	if (!(status.fail_status & IB_MR_CHECK_SIG_STATUS))
		return 0;
	/* The offset counts sectors with their eight bytes of protection. */
	offset = status.sig_err.sig_err_offset;
	do_div(offset, scsi_prot_interval(sc) + sizeof(struct t10_pi_tuple));
	*sector += offset;
	switch (status.sig_err.err_type) {
	case IB_SIG_BAD_REFTAG:
		return 3;
	case IB_SIG_BAD_APPTAG:
		return 2;
	default:
		return 1;
	}
}

/**
 * iser_io_register - prepare the registration of a command's data
 * @io: slot with mapped data, its MR's last registration dead
 * @access: remote rights, or 0 for data that only this side reads
 *
 * The caller posts io->reg_wr in front of the command.
 *
 * Context: xmit_task, frwd_lock held.
 * Return: 0; -EINVAL or -EOPNOTSUPP if the MR cannot describe the scatter list and
 * never will; else what the device said.
 */
int iser_io_register(struct iser_io *io, int access)
{
	struct ib_mr *mr = io->mr;
	int n;

	if (unlikely(io->task->protected))
		return iser_io_register_pi(io, access);
	n = ib_map_mr_sg(mr, io->sg, io->dma_count, NULL, ISER_MR_PAGE_SIZE);
	if (unlikely(n != io->dma_count))
		return n < 0 ? n : -EINVAL;
	ib_update_fast_reg_key(mr, ib_inc_rkey(mr->rkey));
	io->reg_wr.wr.opcode = IB_WR_REG_MR;
	io->reg_wr.mr = mr;
	io->reg_wr.key = mr->rkey;
	io->reg_wr.access = access;
	trace_iser_mr_register(io);
	return 0;
}

/**
 * iser_io_invalidate_failed - an rkey may have survived its LOCAL_INV
 * @io: slot of a connection that is failing
 *
 * Nothing of the slot is in the send queue any more; the rkey dies with the
 * flush, and iser_io_settle() ends the I/O.
 */
void iser_io_invalidate_failed(struct iser_io *io)
{
	atomic_add(ISER_IO_RKEY - ISER_IO_INV, &io->hca);
}

/**
 * iser_io_invalidate - end the validity of a slot's rkey from this side
 * @io: slot whose rkey the caller has claimed, see iser_io_claim_rkey()
 *
 * Room in the send queue was reserved with the command. Should the post fail,
 * the connection fails, and its flush ends the rkey.
 *
 * Context: completion handler, or error handler with frwd_lock held.
 */
void iser_io_invalidate(struct iser_io *io)
{
	struct ib_send_wr wr = {
		.wr_cqe = &io->inv_cqe,
		.opcode = IB_WR_LOCAL_INV,
		.send_flags = IB_SEND_SIGNALED,
		.ex.invalidate_rkey = io->reg_wr.mr->rkey,
	};
	struct iser_conn *conn = io->conn;
	int err;

	conn->stats->local_invalidations++;
	trace_iser_mr_invalidate(io);
	/* From here on the slot may be anybody's. */
	err = ib_post_send(conn->qp, &wr, NULL);
	if (unlikely(err)) {
		iser_conn_fail(conn, "an invalidation could not be posted", err);
		iser_io_invalidate_failed(io);
	}
}
