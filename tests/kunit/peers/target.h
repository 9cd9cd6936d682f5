/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The far end of a fake queue pair: an iSER target that answers by itself, or
 * holds what it gets so that a test can answer piece by piece. It touches the
 * initiator's memory only through the keys it is given.
 *
 * Reading LBA n yields a pattern that depends on n and on the position; a write
 * to LBA n must bring that pattern, or it is a complaint.
 */
#ifndef TEST_TARGET_H
#define TEST_TARGET_H

#include <scsi/iscsi_proto.h>
#include <scsi/iser.h>

#include "fake_hca.h"

#define ISER_HDR_LEN	(sizeof(struct iser_ctrl) + sizeof(struct iscsi_hdr))

struct target {
	struct fake_hca		*hca;
	bool			hold;		/* the tests' commands: to the inbox */
	bool			hold_all;	/* everything: to the inbox */
	bool			no_remote_inv;	/* answer with a plain Send */
	u16			window;		/* commands beyond the last seen */
	u32			refused_tmfs;	/* task management, by function */
	unsigned int		n_tmfs[16];	/* answered, by function */
	struct fake_qp		*qp;		/* of the last message */
	u8			*scratch;	/* one command's data */
	struct list_head	writes;		/* waiting for unsolicited data */
};

#define TARGET_MAX_IO	SZ_2M

/* A message taken apart. */
static inline const struct iser_ctrl *pdu_iser(const struct fake_pdu *pdu)
{
	return (const void *)pdu->data;
}

static inline const struct iscsi_hdr *pdu_hdr(const struct fake_pdu *pdu)
{
	return (const void *)(pdu->data + sizeof(struct iser_ctrl));
}

static inline const struct iscsi_scsi_req *pdu_cmd(const struct fake_pdu *pdu)
{
	return (const void *)pdu_hdr(pdu);
}

static inline const u8 *pdu_payload(const struct fake_pdu *pdu)
{
	return pdu->data + ISER_HDR_LEN;
}

static inline u8 pdu_opcode(const struct fake_pdu *pdu)
{
	return pdu_hdr(pdu)->opcode & ISCSI_OPCODE_MASK;
}

struct target *target_create(struct fake_hca *hca);
void target_destroy(struct target *t);
u8 target_byte(u32 lba, u32 pos);

/* the data phase of a command, without the response */
int target_place_read(struct target *t, struct fake_qp *qp,
		      const struct fake_pdu *pdu);
int target_fetch_write(struct target *t, struct fake_qp *qp,
		       const struct fake_pdu *pdu);

/* responses; each returns what fake_qp_deliver() says */
int target_send(struct target *t, struct fake_qp *qp, void *bhs,
		const void *data, u32 len, u32 inv_key);
int target_respond(struct target *t, struct fake_qp *qp,
		   const struct fake_pdu *pdu);
int target_respond_status(struct target *t, struct fake_qp *qp,
			  const struct fake_pdu *pdu, u8 status, u32 inv_key,
			  const void *data, u32 len);
int target_login_response(struct target *t, struct fake_qp *qp,
			  const struct fake_pdu *pdu);
u32 target_key(const struct fake_pdu *pdu);
void target_serve(struct target *t, struct fake_qp *qp,
		  const struct fake_pdu *pdu);

#endif
