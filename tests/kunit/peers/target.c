// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The fake target. Serving happens in the initiator's ib_post_send(), with no
 * lock of the HCA held: the data is moved and the response's completion queued,
 * and the initiator's handler runs when its caller has let bottom halves on
 * again, as if the target were very fast.
 */
#include <linux/slab.h>
#include <linux/unaligned.h>
#include <linux/vmalloc.h>
#include <scsi/scsi_proto.h>

#include "target.h"

/* What LBA @lba holds at @pos: no two blocks, and no two positions, alike. */
u8 target_byte(u32 lba, u32 pos)
{
	return lba * 167 + pos * 13 + (pos >> 8) * 7 + (pos >> 16);
}

/* The key a response may invalidate: LIO takes the read key if there is one. */
u32 target_key(const struct fake_pdu *pdu)
{
	const struct iser_ctrl *iser = pdu_iser(pdu);

	if (iser->flags & ISER_RSV)
		return be32_to_cpu(iser->read_stag);
	if (iser->flags & ISER_WSV)
		return be32_to_cpu(iser->write_stag);
	return 0;
}

/* Sends @bhs with its sequence numbers set, and a data segment padded to 4. */
int target_send(struct target *t, struct fake_qp *qp, void *bhs,
		const void *data, u32 len, u32 inv_key)
{
	struct iscsi_nopin *hdr = bhs;
	struct iser_ctrl *iser;
	u32 total = ISER_HDR_LEN + ALIGN(len, 4);
	u8 *msg;
	int ret;

	msg = kzalloc(total, GFP_ATOMIC);
	if (!msg)
		return -ENOMEM;
	hton24(hdr->dlength, len);
	hdr->statsn = cpu_to_be32(qp->statsn++);
	hdr->exp_cmdsn = cpu_to_be32(qp->exp_cmdsn);
	hdr->max_cmdsn = cpu_to_be32(qp->exp_cmdsn + t->window - 1);
	iser = (struct iser_ctrl *)msg;
	iser->flags = ISCSI_CTRL;
	memcpy(msg + sizeof(*iser), bhs, sizeof(struct iscsi_hdr));
	if (len)
		memcpy(msg + ISER_HDR_LEN, data, len);
	ret = fake_qp_deliver(qp, msg, total, inv_key);
	kfree(msg);
	return ret;
}

int target_respond_status(struct target *t, struct fake_qp *qp,
			  const struct fake_pdu *pdu, u8 status, u32 inv_key,
			  const void *data, u32 len)
{
	struct iscsi_scsi_rsp rsp = {
		.opcode = ISCSI_OP_SCSI_CMD_RSP,
		.flags = ISCSI_FLAG_CMD_FINAL,
		.response = ISCSI_STATUS_CMD_COMPLETED,
		.cmd_status = status,
		.itt = pdu_hdr(pdu)->itt,
	};

	return target_send(t, qp, &rsp, data, len, inv_key);
}

/* GOOD, with the key invalidated as this target does it. */
int target_respond(struct target *t, struct fake_qp *qp,
		   const struct fake_pdu *pdu)
{
	u32 key = t->no_remote_inv ? 0 : target_key(pdu);

	return target_respond_status(t, qp, pdu, SAM_STAT_GOOD, key, NULL, 0);
}

static int target_put_data(struct fake_qp *qp, const struct fake_pdu *pdu,
			   void *data, u32 len)
{
	const struct iser_ctrl *iser = pdu_iser(pdu);

	len = min(len, be32_to_cpu(pdu_cmd(pdu)->data_length));
	return fake_rdma(qp, be32_to_cpu(iser->read_stag),
			 be64_to_cpu(iser->read_va), data, len, true);
}

/* RDMA-writes the pattern of a READ; all of it. */
int target_place_read(struct target *t, struct fake_qp *qp,
		      const struct fake_pdu *pdu)
{
	u32 lba = get_unaligned_be64(pdu_cmd(pdu)->cdb + 2);
	u32 i, len = be32_to_cpu(pdu_cmd(pdu)->data_length);

	if (len > TARGET_MAX_IO)
		return -EINVAL;
	for (i = 0; i < len; i++)
		t->scratch[i] = target_byte(lba, i);
	return target_put_data(qp, pdu, t->scratch, len);
}

/*
 * Takes a WRITE's data: what came with the command and in Data-Out PDUs
 * (qp->unsolicited counts it), and the rest by RDMA Read from the advertised
 * address, as it is, which is what LIO and tgt do.
 */
int target_fetch_write(struct target *t, struct fake_qp *qp,
		       const struct fake_pdu *pdu)
{
	const struct iser_ctrl *iser = pdu_iser(pdu);
	u32 lba = get_unaligned_be64(pdu_cmd(pdu)->cdb + 2);
	u32 len = be32_to_cpu(pdu_cmd(pdu)->data_length);
	u32 i, have = ntoh24(pdu_hdr(pdu)->dlength) + qp->unsolicited;
	int ret = 0;

	if (len > TARGET_MAX_IO || have > len)
		return -EINVAL;
	memcpy(t->scratch, pdu_payload(pdu), ntoh24(pdu_hdr(pdu)->dlength));
	if (have < len)
		ret = fake_rdma(qp, be32_to_cpu(iser->write_stag),
				be64_to_cpu(iser->write_va), t->scratch + have,
				len - have, false);
	for (i = 0; !ret && i < len; i++)
		if (t->scratch[i] != target_byte(lba, i)) {
			fake_complain(t->hca, "LBA %u written with %#x at %u of %u, wanted %#x",
				      lba, t->scratch[i], i, len,
				      target_byte(lba, i));
			ret = -EILSEQ;
		}
	return ret;
}

static void target_inquiry(struct target *t, struct fake_qp *qp,
			   const struct fake_pdu *pdu)
{
	static const u8 data[36] = "\0\0\5\2\x1f\0\0\0FAKE    FAKE DISK       1.0 ";
	static const u8 no_such_page[20] = {
		0, 18, 0x70, 0, ILLEGAL_REQUEST, [9] = 10, [14] = 0x24,
	};
	u32 key = t->no_remote_inv ? 0 : target_key(pdu);

	if (pdu_cmd(pdu)->cdb[1] & 1) {
		target_respond_status(t, qp, pdu, SAM_STAT_CHECK_CONDITION, key,
				      no_such_page, sizeof(no_such_page));
		return;
	}
	target_put_data(qp, pdu, (void *)data, sizeof(data));
	target_respond(t, qp, pdu);
}

static void target_scsi(struct target *t, struct fake_qp *qp,
			const struct fake_pdu *pdu)
{
	static const u8 lun0[16] = { [3] = 8 };
	int ret = 0;

	switch (pdu_cmd(pdu)->cdb[0]) {
	case INQUIRY:
		target_inquiry(t, qp, pdu);
		return;
	case REPORT_LUNS:
		ret = target_put_data(qp, pdu, (void *)lun0, sizeof(lun0));
		break;
	case READ_16:
		ret = target_place_read(t, qp, pdu);
		break;
	case WRITE_16:
		ret = target_fetch_write(t, qp, pdu);
		break;
	default:
		break;
	}
	if (ret)
		fake_complain(t->hca, "command %16ph: data phase failed: %pe",
			      pdu_cmd(pdu)->cdb, ERR_PTR(ret));
	target_respond(t, qp, pdu);
}

int target_login_response(struct target *t, struct fake_qp *qp,
			  const struct fake_pdu *pdu)
{
	const struct iscsi_login_req *req = (const void *)pdu_hdr(pdu);
	static const char text[] = "TargetPortalGroupTag=1";
	struct iscsi_login_rsp rsp = {
		.opcode = ISCSI_OP_LOGIN_RSP,
		.flags = req->flags,
		.itt = req->itt,
	};

	memcpy(rsp.isid, req->isid, sizeof(rsp.isid));
	return target_send(t, qp, &rsp, text, sizeof(text), 0);
}

/* A write whose unsolicited data is still coming. */
struct target_write {
	struct list_head	node;		/* t->writes */
	struct fake_qp		*qp;
	struct fake_pdu		*pdu;
	u32			unsolicited;
	u8			data[];
};

static struct target_write *target_find_write(struct target *t,
					      struct fake_qp *qp,
					      const struct fake_pdu *pdu)
{
	struct target_write *w;

	list_for_each_entry(w, &t->writes, node)
		if (w->qp == qp && pdu_hdr(w->pdu)->itt == pdu_hdr(pdu)->itt)
			return w;
	return NULL;
}

/* Sets a write aside until its Data-Out PDUs have come. */
static void target_begin_write(struct target *t, struct fake_qp *qp,
			       const struct fake_pdu *pdu)
{
	u32 len = be32_to_cpu(pdu_cmd(pdu)->data_length);
	struct target_write *w;

	w = kzalloc(struct_size(w, data, len), GFP_ATOMIC);
	if (!w)
		return;
	w->pdu = kmemdup(pdu, struct_size(pdu, data, pdu->len), GFP_ATOMIC);
	if (!w->pdu) {
		kfree(w);
		return;
	}
	w->qp = qp;
	list_add(&w->node, &t->writes);
}

static void target_end_write(struct target_write *w)
{
	list_del(&w->node);
	kfree(w->pdu);
	kfree(w);
}

/* Puts a Data-Out PDU where a write's data is collected. */
static void target_take_dataout(struct target *t, struct fake_qp *qp,
				const struct fake_pdu *pdu)
{
	const struct iscsi_data *hdr = (const void *)pdu_hdr(pdu);
	struct target_write *w = target_find_write(t, qp, pdu);
	u32 offset = be32_to_cpu(hdr->offset), len = ntoh24(hdr->dlength);

	if (!w || pdu->len != ISER_HDR_LEN + len ||
	    offset != ntoh24(pdu_hdr(w->pdu)->dlength) + w->unsolicited ||
	    offset + len > be32_to_cpu(pdu_cmd(w->pdu)->data_length)) {
		fake_complain(t->hca, "Data-Out of %u bytes at %u, message of %u, fits no write",
			      len, offset, pdu->len);
		return;
	}
	memcpy(w->data + offset, pdu_payload(pdu), len);
	w->unsolicited += len;
	if (!(hdr->flags & ISCSI_FLAG_CMD_FINAL))
		return;
	memcpy(t->scratch, w->data, offset + len);
	qp->unsolicited = w->unsolicited;
	target_scsi(t, qp, w->pdu);
	qp->unsolicited = 0;
	target_end_write(w);
}

static void target_tmf_response(struct target *t, struct fake_qp *qp,
				const struct fake_pdu *pdu)
{
	u8 function = pdu_hdr(pdu)->flags & ISCSI_FLAG_TM_FUNC_MASK;
	struct iscsi_tm_rsp rsp = {
		.opcode = ISCSI_OP_SCSI_TMFUNC_RSP,
		.flags = ISCSI_FLAG_CMD_FINAL,
		.response = t->refused_tmfs & BIT(function) ?
			    ISCSI_TMF_RSP_NOT_SUPPORTED : ISCSI_TMF_RSP_COMPLETE,
		.itt = pdu_hdr(pdu)->itt,
	};

	t->n_tmfs[function]++;
	target_send(t, qp, &rsp, NULL, 0, 0);
}

static void target_control(struct target *t, struct fake_qp *qp,
			   const struct fake_pdu *pdu)
{
	struct iscsi_hdr rsp = {
		.flags = ISCSI_FLAG_CMD_FINAL,
		.itt = pdu_hdr(pdu)->itt,
		.ttt = cpu_to_be32(ISCSI_RESERVED_TAG),
	};

	switch (pdu_opcode(pdu)) {
	case ISCSI_OP_LOGIN:
		target_login_response(t, qp, pdu);
		return;
	case ISCSI_OP_NOOP_OUT:
		if (pdu_hdr(pdu)->itt == RESERVED_ITT)
			return;
		rsp.opcode = ISCSI_OP_NOOP_IN;
		break;
	case ISCSI_OP_SCSI_TMFUNC:
		target_tmf_response(t, qp, pdu);
		return;
	case ISCSI_OP_LOGOUT:
		rsp.opcode = ISCSI_OP_LOGOUT_RSP;
		break;
	case ISCSI_OP_TEXT:
		rsp.opcode = ISCSI_OP_TEXT_RSP;
		break;
	default:
		fake_complain(t->hca, "PDU with opcode %#x", pdu_opcode(pdu));
		return;
	}
	target_send(t, qp, &rsp, NULL, 0, 0);
}

static void target_count(struct fake_qp *qp, const struct fake_pdu *pdu)
{
	const struct iscsi_nopout *hdr = (const void *)pdu_hdr(pdu);

	if (pdu_opcode(pdu) == ISCSI_OP_LOGIN)
		qp->exp_cmdsn = be32_to_cpu(hdr->cmdsn);
	else if (pdu_opcode(pdu) != ISCSI_OP_SCSI_DATA_OUT &&
		 !(hdr->opcode & ISCSI_OP_IMMEDIATE))
		qp->exp_cmdsn = be32_to_cpu(hdr->cmdsn) + 1;
}

/* Answers one message. */
void target_serve(struct target *t, struct fake_qp *qp,
		  const struct fake_pdu *pdu)
{
	switch (pdu_opcode(pdu)) {
	case ISCSI_OP_SCSI_CMD:
		if (pdu_hdr(pdu)->flags & ISCSI_FLAG_CMD_FINAL)
			target_scsi(t, qp, pdu);
		else
			target_begin_write(t, qp, pdu);
		break;
	case ISCSI_OP_SCSI_DATA_OUT:
		target_take_dataout(t, qp, pdu);
		break;
	default:
		target_control(t, qp, pdu);
		break;
	}
}

/* A command of a test's own: they have an LBA. */
static bool target_is_test_command(const struct fake_pdu *pdu)
{
	return pdu_opcode(pdu) == ISCSI_OP_SCSI_DATA_OUT ||
	       (pdu_opcode(pdu) == ISCSI_OP_SCSI_CMD &&
		get_unaligned_be64(pdu_cmd(pdu)->cdb + 2));
}

/* fake_hca's serve(): true if the message is dealt with. */
static bool target_receive(struct fake_qp *qp, struct fake_pdu *pdu)
{
	struct target *t = qp->hca->serve_priv;

	t->qp = qp;
	if (pdu->len < ISER_HDR_LEN ||
	    (pdu_iser(pdu)->flags & 0xf0) != ISCSI_CTRL) {
		fake_complain(t->hca, "message of %u bytes, flags %#x", pdu->len,
			      pdu_iser(pdu)->flags);
		return true;
	}
	target_count(qp, pdu);
	if (t->hold_all)
		return false;
	if (t->hold && target_is_test_command(pdu))
		return false;
	target_serve(t, qp, pdu);
	return true;
}

static void target_free(void *data)
{
	struct target *t = data;
	struct target_write *w, *next;

	t->hca->serve = NULL;
	list_for_each_entry_safe(w, next, &t->writes, node)
		target_end_write(w);
	vfree(t->scratch);
}

/* Before the end of the test, and before its HCA. */
void target_destroy(struct target *t)
{
	kunit_release_action(t->hca->test, target_free, t);
}

struct target *target_create(struct fake_hca *hca)
{
	struct kunit *test = hca->test;
	struct target *t;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	t->scratch = vzalloc(TARGET_MAX_IO);
	KUNIT_ASSERT_NOT_NULL(test, t->scratch);
	INIT_LIST_HEAD(&t->writes);
	t->hca = hca;
	t->window = 128;
	hca->serve_priv = t;
	hca->serve = target_receive;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, target_free, t),
			0);
	return t;
}
