/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * iSER initiator: what each I/O does once, and in line, because a call costs as much
 * as it does. The story is told in iser_io.c and iser_memory.c.
 */
#ifndef _ISER_IO_H
#define _ISER_IO_H

#include "iscsi_iser.h"
#include "iser_trace.h"

/**
 * iser_mem_map - map the data of a SCSI command
 * @io: slot of the command
 * @sc: the command, with data
 *
 * Context: init_task, frwd_lock held.
 * Return: 0, or -ENOMEM: send nothing, libiscsi tries again; what is mapped is
 * for iser_mem_unmap().
 */
static inline int iser_mem_map(struct iser_io *io, struct scsi_cmnd *sc)
{
	int count = scsi_sg_count(sc);
	int mapped;

	mapped = ib_dma_map_sg(io->conn->ibdev, scsi_sglist(sc), count, io->dir);
	if (unlikely(mapped <= 0))
		return -ENOMEM;
	io->sg = scsi_sglist(sc);
	io->sg_count = count;
	io->dma_count = mapped;
	return unlikely(io->task->protected) ? iser_mem_map_prot(io, sc) : 0;
}

/**
 * iser_mem_unmap - unmap what the slot's task has mapped, if anything
 * @io: slot that the HCA does not own
 *
 * Context: session->back_lock held.
 */
static inline void iser_mem_unmap(struct iser_io *io)
{
	if (io->sg) {
		ib_dma_unmap_sg(io->conn->ibdev, io->sg, io->sg_count, io->dir);
		io->sg = NULL;
	}
	if (unlikely(io->altered))
		iser_mem_unmap_others(io);
}

/**
 * iser_io_register - prepare the registration of a command's data
 * @io: slot with mapped data, its MR's last registration dead
 * @access: what the target may do with it, and this side must
 *
 * io->reg_wr is posted in front of the command.
 *
 * Context: init_task, frwd_lock held.
 * Return: 0; -EINVAL or -EOPNOTSUPP if the MR cannot describe the scatter list and
 * never will; else what the device said.
 */
static inline int iser_io_register(struct iser_io *io, int access)
{
	struct ib_mr *mr = io->mr;
	int n;

	if (unlikely(io->task->protected))
		return iser_pi_register(io, access);
	n = ib_map_mr_sg(mr, io->sg, io->dma_count, NULL, ISER_MR_PAGE_SIZE);
	if (unlikely(n != io->dma_count))
		return n < 0 ? n : -EINVAL;
	ib_update_fast_reg_key(mr, ib_inc_rkey(mr->rkey));
	io->reg_wr.key = mr->rkey;
	io->reg_wr.access = access;
	trace_iser_mr_register(io);
	return 0;
}

/* The HCA has given @part of a slot back. Afterwards it may be another task's. */
static inline void iser_io_end(struct iser_io *io, enum iser_io_hca part)
{
	if (atomic_sub_and_test(part, &io->hca))
		iscsi_put_task(io->task);
}

/* The target has invalidated the rkey; an error handler may be about to. */
static inline void iser_io_end_rkey(struct iser_io *io, int owned)
{
	do {
		if (unlikely(!(owned & ISER_IO_RKEY)))
			return;
	} while (unlikely(!atomic_try_cmpxchg(&io->hca, &owned, owned - ISER_IO_RKEY)));
	if (owned == ISER_IO_RKEY)
		iscsi_put_task(io->task);
}

static inline void iser_io_count_read(struct iser_io *io, struct iscsi_scsi_rsp *rsp)
{
	u32 moved = io->length;

	if (io->dir != DMA_FROM_DEVICE)
		return;
	if (unlikely(rsp->flags & ISCSI_FLAG_CMD_UNDERFLOW))
		moved -= min(be32_to_cpu(rsp->residual_count), moved);
	io->conn->stats->read_bytes += moved;
}

/**
 * iser_io_answered - a SCSI Response has come: the rkey's life ends
 * @io: slot that it names
 * @rsp: the response
 * @wc: of its receive
 *
 * Either the target has invalidated the rkey, which must be the one that the
 * command advertised, on a device that can be believed; or it is done from here.
 *
 * Context: completion handler.
 * Return: what is wrong with the response; or NULL, and libiscsi may see it.
 */
static inline const char *iser_io_answered(struct iser_io *io,
					   struct iscsi_scsi_rsp *rsp,
					   struct ib_wc *wc)
{
	/* Pairs with atomic_set_release() in iser_io_give(). */
	int owned = atomic_read_acquire(&io->hca);

	trace_iser_io_response(io->conn, rsp, wc->wc_flags & IB_WC_WITH_INVALIDATE);
	if (owned) {
		/* A slot that the HCA owns has a task, and its header is as it was sent. */
		if (unlikely(io->hdr->bhs.itt != rsp->itt))
			return "a response is for nothing that waits for one";
		iser_io_count_read(io, rsp);
	}
	if (wc->wc_flags & IB_WC_WITH_INVALIDATE) {
		if (unlikely(!(owned & (ISER_IO_RKEY | ISER_IO_INV)) ||
			     wc->ex.invalidate_rkey != io->reg_wr.mr->rkey))
			return "a response invalidated an rkey that is not its command's";
		if (likely(!io->conn->doubts_inv)) {
			io->conn->stats->remote_invalidations++;
			iser_io_end_rkey(io, owned);
			return NULL;
		}
	}
	if (owned & ISER_IO_RKEY)
		iser_io_invalidate(io);
	return NULL;
}

#endif /* _ISER_IO_H */
