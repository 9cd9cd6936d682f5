// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The target behind the lean HCA. It answers in ib_post_send(): a SCSI command with
 * GOOD and the key that it advertises invalidated, as LIO does it; a login with
 * whatever is asked for. Data is not moved, but for an INQUIRY's: a read's address on
 * the wire is a pointer here, to its first element.
 */
#include <linux/minmax.h>
#include <scsi/iscsi_proto.h>
#include <scsi/iser.h>
#include <scsi/scsi_proto.h>

#include "lean_hca.h"

#define LEAN_WINDOW	128		/* commands beyond the last seen */

struct lean_pdu {
	struct iser_ctrl	iser;
	struct iscsi_hdr	bhs;
};

static_assert(sizeof(struct lean_pdu) == 76);

/* Sequence numbers and all that is the same in each answer. */
static void lean_send(struct lean_qp *qp, struct lean_pdu *pdu, itt_t itt, u32 inv_key)
{
	struct iscsi_nopin *hdr = (void *)&pdu->bhs;

	pdu->iser.flags = ISCSI_CTRL;
	hdr->itt = itt;
	hdr->statsn = cpu_to_be32(qp->statsn++);
	hdr->exp_cmdsn = cpu_to_be32(qp->exp_cmdsn);
	hdr->max_cmdsn = cpu_to_be32(qp->exp_cmdsn + LEAN_WINDOW - 1);
	lean_qp_deliver(qp, pdu, sizeof(*pdu), inv_key);
}

/* The key a response may invalidate: LIO takes the read key if there is one. */
static u32 lean_key(const struct iser_ctrl *iser)
{
	if (iser->flags & ISER_RSV)
		return be32_to_cpu(iser->read_stag);
	if (iser->flags & ISER_WSV)
		return be32_to_cpu(iser->write_stag);
	return 0;
}

static void lean_inquiry(const struct lean_pdu *request)
{
	/* SCSI-2, so that SCSI asks for nothing more */
	static const u8 data[36] = "\0\0\2\2\x1f\0\0\0LEAN    LEAN DISK       1.0 ";
	const struct iscsi_scsi_req *cmd = (const void *)&request->bhs;

	memcpy((void *)(uintptr_t)be64_to_cpu(request->iser.read_va), data,
	       min_t(u32, sizeof(data), be32_to_cpu(cmd->data_length)));
}

static void lean_scsi(struct lean_qp *qp, const struct lean_pdu *request)
{
	const struct iscsi_scsi_req *cmd = (const void *)&request->bhs;
	struct lean_hca *hca = to_lean(qp->ib.device);
	u32 key = lean_key(&request->iser);
	struct lean_pdu response = {
		.bhs.opcode = ISCSI_OP_SCSI_CMD_RSP,
		.bhs.flags = ISCSI_FLAG_CMD_FINAL,
	};

	if (unlikely(cmd->cdb[0] == INQUIRY))
		lean_inquiry(request);
	hca->n_commands++;
	hca->n_keys += !!key;
	lean_send(qp, &response, cmd->itt, key);
}

static void lean_login(struct lean_qp *qp, const struct lean_pdu *request)
{
	const struct iscsi_login_req *req = (const void *)&request->bhs;
	struct lean_pdu response = {};
	struct iscsi_login_rsp *rsp = (void *)&response.bhs;

	rsp->opcode = ISCSI_OP_LOGIN_RSP;
	rsp->flags = req->flags;
	memcpy(rsp->isid, req->isid, sizeof(rsp->isid));
	lean_send(qp, &response, req->itt, 0);
}

/* A message, of which the first element holds the headers; hca->lock is held. */
void lean_target_receive(struct lean_qp *qp, const struct ib_sge *sge)
{
	const struct lean_pdu *request = (const void *)(uintptr_t)sge->addr;
	const struct iscsi_nopout *hdr = (const void *)&request->bhs;

	qp->exp_cmdsn = be32_to_cpu(hdr->cmdsn);
	if (!(hdr->opcode & ISCSI_OP_IMMEDIATE))
		qp->exp_cmdsn++;
	switch (hdr->opcode & ISCSI_OPCODE_MASK) {
	case ISCSI_OP_SCSI_CMD:
		lean_scsi(qp, request);
		break;
	case ISCSI_OP_LOGIN:
		lean_login(qp, request);
		break;
	default:
		/* nothing else is asked of it; who waits for an answer fails the bench */
		break;
	}
}
