// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: the memory that the HCA sees of a connection's I/Os.
 *
 * A connection owns header buffers (one for each I/O slot and, once the
 * negotiated values ask for Data-Out PDUs, one for each of those) and the MRs of
 * its slots. All of it is made in process context by bind, setup and start_conn
 * and taken apart by the connection's release. Header memory and slots stay until
 * the last reference is gone, because tasks point into them; mappings and MRs go
 * with the release.
 *
 * The I/O path maps the data of a command and nothing else. It is unmapped from
 * cleanup_task, which libiscsi calls under session->back_lock and only after the
 * HCA has given the slot back; or, if a task has kept its slot over the end of the
 * connection, from the stop, under the same lock.
 */
#include <linux/slab.h>

#include "iscsi_iser.h"

#define ISER_HDR_STRIDE		128
#define ISER_HDRS_PER_PAGE	(PAGE_SIZE / ISER_HDR_STRIDE)

/**
 * iser_hdrs_unmap - end the HCA's view of headers
 * @ibdev: for which they are mapped
 * @hdrs: they stay for the tasks that point to them; or NULL
 *
 * Context: process; release_work, when the QP is gone.
 */
void iser_hdrs_unmap(struct ib_device *ibdev, struct iser_hdr_pages *hdrs)
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
 * iser_mem_alloc_ios - make the I/O slots of a session's tasks
 * @conn: connection in state UP, not yet bound
 * @count: of tasks
 *
 * Context: process; bind, before anybody else can see the slots.
 * Return: 0, or -ENOMEM with nothing kept.
 */
int iser_mem_alloc_ios(struct iser_conn *conn, u32 count)
{
	u32 i;

	conn->ios = kvcalloc(count, sizeof(*conn->ios), GFP_NOIO);
	if (!conn->ios)
		return -ENOMEM;
	conn->hdrs = iser_hdrs_alloc(conn->ibdev, count);
	if (!conn->hdrs) {
		kvfree(conn->ios);
		conn->ios = NULL;
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
 * iser_mem_alloc_dataouts - make room for Data-Out PDUs
 * @conn: bound connection in state UP that has sent no command yet
 * @count: of PDUs that may be under way at the same time, a power of two
 *
 * Context: process; start_conn.
 * Return: 0 or -ENOMEM.
 */
int iser_mem_alloc_dataouts(struct iser_conn *conn, u32 count)
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

/**
 * iser_mem_free_ios - free what tasks may have pointed into
 * @conn: connection without references, after its release
 */
void iser_mem_free_ios(struct iser_conn *conn)
{
	kvfree(conn->ios);
	iser_hdrs_free(conn->hdrs);
	kvfree(conn->dataouts);
	iser_hdrs_free(conn->dataout_hdrs);
}

/**
 * iser_mem_alloc_mrs - make the MRs of each I/O slot
 * @conn: bound connection
 *
 * Context: process; the connection's setup_work.
 * Return: 0 or what the device said; MRs made so far stay for the release.
 */
int iser_mem_alloc_mrs(struct iser_conn *conn)
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
 * iser_mem_free_mrs - free the MRs of all slots
 * @conn: connection whose QP has been flushed
 */
void iser_mem_free_mrs(struct iser_conn *conn)
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
 * iser_mem_map_prot - map the protection information of a SCSI command
 * @io: slot of the command
 * @sc: the command, which has some in memory, or only on the wire
 *
 * Context: init_task, frwd_lock held.
 * Return: 0 or -ENOMEM.
 */
int iser_mem_map_prot(struct iser_io *io, struct scsi_cmnd *sc)
{
	int count = scsi_prot_sg_count(sc);
	int mapped;

	if (!count)
		return 0;

	mapped = ib_dma_map_sg(io->conn->ibdev, scsi_prot_sglist(sc), count, io->dir);
	if (mapped <= 0)
		return -ENOMEM;
	io->altered = true;
	io->prot_sg = scsi_prot_sglist(sc);
	io->prot_count = count;
	io->prot_dma_count = mapped;
	return 0;
}

/**
 * iser_mem_map_text - map the text of a Login or Text Request
 * @io: slot of the request
 * @text: what to send
 * @len: of it in bytes, not 0
 *
 * Context: xmit_task, frwd_lock held.
 * Return: 0 or -ENOMEM.
 */
int iser_mem_map_text(struct iser_io *io, void *text, u32 len)
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
 * iser_mem_unmap_others - unmap protection information and text
 * @io: slot of which iser_mem_unmap() has unmapped the data
 *
 * Context: session->back_lock held.
 */
void iser_mem_unmap_others(struct iser_io *io)
{
	if (io->prot_sg) {
		ib_dma_unmap_sg(io->conn->ibdev, io->prot_sg, io->prot_count, io->dir);
		io->prot_sg = NULL;
	}
	if (io->text_len) {
		ib_dma_unmap_single(io->conn->ibdev, io->text_dma, io->text_len,
				    DMA_TO_DEVICE);
		io->text_len = 0;
	}
}
