// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The checks at each command's completion, which no test can forget: when SCSI
 * gets a command back, whichever way, none of its keys is usable or about to be, no
 * message is to be sent from its memory, and its buffers are mapped for nobody.
 *
 * A command is known by its CDB, which the tests make unique, in the messages
 * that go out (fake_spy_sent()) and in the midlayer's tracepoint; its memory is
 * known by its physical address. So nothing here trusts the ULP's books.
 *
 * The tracepoint fires in scsi_done(), before the midlayer does anything.
 * Commands that have timed out come back otherwise, with the return of an error
 * handler; the tests look for those when the request ends.
 */
#include <linux/scatterlist.h>
#include <linux/unaligned.h>
#include <scsi/iscsi_proto.h>
#include <scsi/iser.h>
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_device.h>
#include <trace/events/scsi.h>

#include "fake_parts.h"

static u8 *fake_itt_cdb(struct fake_qp *qp, itt_t itt)
{
	/* the index is in the low bits, in host order; the age above it */
	return qp->cdb[(__force u32)itt % FAKE_ITTS];
}

#define FAKE_REMOTE	(IB_ACCESS_REMOTE_READ | IB_ACCESS_REMOTE_WRITE | \
			 IB_ACCESS_REMOTE_ATOMIC)

/* The key goes out to the far end: it must grant what is needed, no more. */
static void fake_spy_advertise(struct fake_qp *qp, u32 key, int need,
			       const u8 *cdb)
{
	struct fake_mr *mr = fake_mr_find(qp->hca, key);

	if (!mr || mr->state != FAKE_MR_VALID || mr->ib.pd != qp->ib.pd) {
		fake_complain(qp->hca, "key %#x advertised, which is not valid",
			      key);
		return;
	}
	if ((mr->access & FAKE_REMOTE) != need)
		fake_complain(qp->hca, "key %#x grants %#x, needed is %#x", key,
			      mr->access & FAKE_REMOTE, need);
	mr->advertised = true;
	memcpy(mr->cdb, cdb, FAKE_CDB_LEN);
}

/* A region that was registered for a command, but not to be advertised. */
static void fake_spy_check_secret(struct fake_qp *qp, struct fake_wr *wr)
{
	struct fake_wr *reg;

	if (list_is_first(&wr->node, &qp->sq))
		return;
	reg = list_prev_entry(wr, node);
	if (reg->mr && !reg->mr->advertised && (reg->access & FAKE_REMOTE))
		fake_complain(qp->hca, "key %#x grants %#x to nobody", reg->key,
			      reg->access & FAKE_REMOTE);
}

/* A message goes out; hca->lock is held. */
void fake_spy_sent(struct fake_qp *qp, struct fake_wr *wr,
		   const struct fake_pdu *pdu)
{
	const struct iser_ctrl *iser = (const void *)pdu->data;
	const struct iscsi_scsi_req *req = (const void *)(iser + 1);
	u8 opcode;

	if (pdu->len < sizeof(*iser) + sizeof(*req))
		return;
	opcode = req->opcode & ISCSI_OPCODE_MASK;
	if (opcode == ISCSI_OP_SCSI_CMD)
		memcpy(fake_itt_cdb(qp, req->itt), req->cdb, FAKE_CDB_LEN);
	else if (opcode != ISCSI_OP_SCSI_DATA_OUT)
		return;
	wr->has_cdb = true;
	memcpy(wr->cdb, fake_itt_cdb(qp, req->itt), FAKE_CDB_LEN);
	if (iser->flags & ISER_RSV)
		fake_spy_advertise(qp, be32_to_cpu(iser->read_stag),
				   IB_ACCESS_REMOTE_WRITE, wr->cdb);
	if (iser->flags & ISER_WSV)
		fake_spy_advertise(qp, be32_to_cpu(iser->write_stag),
				   IB_ACCESS_REMOTE_READ, wr->cdb);
	fake_spy_check_secret(qp, wr);
}

static void fake_spy_check_keys(struct fake_hca *hca, const u8 *cdb)
{
	struct fake_mr *mr;

	list_for_each_entry(mr, &hca->mrs, node)
		if (mr->advertised && fake_mr_usable(mr) &&
		    !memcmp(mr->cdb, cdb, FAKE_CDB_LEN))
			fake_complain(hca, "command %16ph is done, its key %#x usable",
				      cdb, mr->key);
}

static void fake_spy_check_queue(struct fake_hca *hca, const u8 *cdb,
				 struct list_head *queue)
{
	struct fake_wr *wr;

	list_for_each_entry(wr, queue, node)
		if (wr->has_cdb && !wr->is_inline &&
		    !memcmp(wr->cdb, cdb, FAKE_CDB_LEN))
			fake_complain(hca, "command %16ph is done, its SEND is not",
				      cdb);
}

static void fake_spy_check_wrs(struct fake_hca *hca, const u8 *cdb)
{
	struct fake_qp *qp;

	list_for_each_entry(qp, &hca->qps, node) {
		fake_spy_check_queue(hca, cdb, &qp->sq);
		fake_spy_check_queue(hca, cdb, &qp->lost);
	}
}

/* A registration that is still to come makes a key usable that nobody ends. */
static void fake_spy_check_registrations(struct fake_hca *hca, const u8 *cdb,
					 phys_addr_t phys, size_t len)
{
	struct fake_qp *qp;
	struct fake_wr *wr;

	list_for_each_entry(qp, &hca->qps, node)
		list_for_each_entry(wr, &qp->sq, node)
			if (wr->mr && !wr->executed &&
			    fake_mr_covers_phys(hca, wr->mr, phys, len))
				fake_complain(hca, "command %16ph is done, its REG_MR is to come",
					      cdb);
}

static void fake_spy_check_memory(struct fake_hca *hca, const u8 *cdb,
				  phys_addr_t phys, size_t len)
{
	struct fake_mr *mr;

	if (fake_dma_maps_phys(hca->dma, phys, len))
		fake_complain(hca, "command %16ph is done, its buffer mapped",
			      cdb);
	list_for_each_entry(mr, &hca->mrs, node)
		if (fake_mr_usable(mr) && fake_mr_covers_phys(hca, mr, phys, len))
			fake_complain(hca, "command %16ph is done, key %#x leads to its buffer",
				      cdb, mr->key);
}

/*
 * fake_spy_check - nothing of the command with this CDB may be left
 *
 * For commands that come back without scsi_done(), from the error handler;
 * called for each piece of their memory. Context: any.
 */
void fake_spy_check(struct fake_hca *hca, const u8 *cdb, phys_addr_t phys,
		    size_t len)
{
	unsigned long flags;

	spin_lock_irqsave(&hca->lock, flags);
	fake_spy_check_keys(hca, cdb);
	fake_spy_check_wrs(hca, cdb);
	if (len) {
		fake_spy_check_memory(hca, cdb, phys, len);
		fake_spy_check_registrations(hca, cdb, phys, len);
	}
	spin_unlock_irqrestore(&hca->lock, flags);
}

static void fake_spy_check_sgl(struct fake_hca *hca, struct scsi_cmnd *sc,
			       struct scatterlist *sgl, unsigned int nents)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i)
		fake_spy_check(hca, sc->cmnd, sg_phys(sg), sg->length);
}

static void fake_spy_done(void *data, struct scsi_cmnd *sc)
{
	struct fake_hca *hca = data;

	fake_spy_check(hca, sc->cmnd, 0, 0);
	fake_spy_check_sgl(hca, sc, scsi_sglist(sc), scsi_sg_count(sc));
	if (scsi_prot_sg_count(sc))
		fake_spy_check_sgl(hca, sc, scsi_prot_sglist(sc),
				   scsi_prot_sg_count(sc));
}

int fake_spy_start(struct fake_hca *hca)
{
	return register_trace_scsi_dispatch_cmd_done(fake_spy_done, hca);
}

void fake_spy_stop(struct fake_hca *hca)
{
	unregister_trace_scsi_dispatch_cmd_done(fake_spy_done, hca);
	tracepoint_synchronize_unregister();
}
