// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Connection management of the fake HCA as a RoCE device. The CM on this side
 * is the kernel's ib_cm over its MAD layer, whose messages leave by the GSI
 * queue pair. Here is the CM of the far end: it reads them in mad_work, in the
 * order in which they were sent, and what it answers takes a receive of the
 * same queue pair.
 *
 * The far end keeps no books beyond struct fake_qp. Its communication ID holds
 * the number of the queue pair on this side, so that it answers a DREQ even when
 * that queue pair is gone, as it often is. A message that comes again, because
 * the MAD layer has waited in vain, is answered again or left alone like the
 * first one.
 *
 * A queue pair in the error state means nothing to the CM, nor does the end of
 * one: no event comes of either, and neither waits for the far end.
 */
#include <linux/etherdevice.h>
#include <linux/workqueue.h>
#include <rdma/ib_mad.h>
#include <rdma/ibta_vol1_c12.h>

#include "fake_parts.h"

#define FAKE_GSI_QPN		1
#define FAKE_PEER_ID		0x5a000000	/* | number of our queue pair */
#define FAKE_PEER_QPN		0x00400000	/* | the same */
#define FAKE_CM_CLASS_VERSION	2
#define FAKE_CMA_HDR_LEN	36		/* rdma_cm's share of a REQ's data */
#define FAKE_REQ_DATA_LEN	(92 - FAKE_CMA_HDR_LEN)

struct fake_mad {
	union rdma_network_hdr	net;		/* of what comes in */
	union {
		u8			bytes[IB_MGMT_MAD_SIZE];
		struct ib_mad_hdr	hdr;
		struct cm_req_msg	req;
		struct cm_rep_msg	rep;
		struct cm_rej_msg	rej;
		struct cm_dreq_msg	dreq;
		struct cm_drep_msg	drep;
	};
};

static_assert(sizeof(struct fake_mad) == 40 + IB_MGMT_MAD_SIZE);

/* Index into hca->n_mads of a message, for example CM_REQ_ATTR_ID. */
unsigned int fake_mad_index(__be16 attr_id)
{
	return be16_to_cpu(attr_id) & 0xf;
}

static u64 fake_peer_guid(struct fake_hca *hca)
{
	return 0xfa4e000000000000 | hca->net;
}

/* Fills in what all messages have, and lets the MAD layer receive this one. */
static void fake_mad_deliver(struct fake_hca *hca, struct fake_mad *mad,
			     __be16 attr_id)
{
	struct fake_qp *gsi = fake_qp_find(hca, FAKE_GSI_QPN);

	if (!gsi)
		return;
	mad->hdr.base_version = IB_MGMT_BASE_VERSION;
	mad->hdr.mgmt_class = IB_MGMT_CLASS_CM;
	mad->hdr.class_version = FAKE_CM_CLASS_VERSION;
	mad->hdr.method = IB_MGMT_METHOD_SEND;
	mad->hdr.attr_id = attr_id;
	fake_net_header(&mad->net, hca->net, hca->cfg.ipv6);
	fake_qp_deliver(gsi, mad, sizeof(*mad), 0);
	fake_qp_put(gsi);
}

static void fake_roce_send_rep(struct fake_qp *qp, const void *data, u8 len)
{
	struct fake_mad mad = {};
	struct cm_rep_msg *rep = &mad.rep;

	IBA_SET(CM_REP_LOCAL_COMM_ID, rep, FAKE_PEER_ID | qp->ib.qp_num);
	IBA_SET(CM_REP_REMOTE_COMM_ID, rep, qp->comm_id);
	IBA_SET(CM_REP_LOCAL_QPN, rep, FAKE_PEER_QPN | qp->ib.qp_num);
	IBA_SET(CM_REP_LOCAL_CA_GUID, rep, fake_peer_guid(qp->hca));
	IBA_SET(CM_REP_STARTING_PSN, rep, 0x1234);
	IBA_SET(CM_REP_INITIATOR_DEPTH, rep, qp->cm_param.ird);
	IBA_SET(CM_REP_RNR_RETRY_COUNT, rep, 7);
	IBA_SET_MEM(CM_REP_PRIVATE_DATA, rep, data, len);
	fake_mad_deliver(qp->hca, &mad, CM_REP_ATTR_ID);
}

/*
 * fake_roce_reject - the far end refuses
 *
 * The REQ, or, if the connection is up, the REP that it has sent itself: it has
 * not seen our RTU.
 */
void fake_roce_reject(struct fake_qp *qp, enum ib_cm_rej_reason reason)
{
	struct fake_mad mad = {};
	struct cm_rej_msg *rej = &mad.rej;

	if (fake_cm_move(qp, FAKE_CM_UP, FAKE_CM_CLOSED)) {
		IBA_SET(CM_REJ_LOCAL_COMM_ID, rej, FAKE_PEER_ID | qp->ib.qp_num);
		IBA_SET(CM_REJ_MESSAGE_REJECTED, rej, 1);
	} else if (!fake_cm_move(qp, FAKE_CM_CONNECTING, FAKE_CM_CLOSED)) {
		return;
	}
	IBA_SET(CM_REJ_REMOTE_COMM_ID, rej, qp->comm_id);
	IBA_SET(CM_REJ_REASON, rej, reason);
	fake_mad_deliver(qp->hca, &mad, CM_REJ_ATTR_ID);
}

/* The far end has not seen our RTU, and tries again. */
void fake_roce_repeat_rep(struct fake_qp *qp)
{
	fake_roce_send_rep(qp, NULL, 0);
}

static void fake_roce_reply(struct fake_qp *qp, int status, const void *data,
			    u8 len)
{
	if (status == -ETIMEDOUT)
		fake_cm_move(qp, FAKE_CM_CONNECTING, FAKE_CM_CLOSED);
	else if (status)
		fake_roce_reject(qp, IB_CM_REJ_CONSUMER_DEFINED);
	else if (fake_cm_move(qp, FAKE_CM_CONNECTING, FAKE_CM_UP))
		fake_roce_send_rep(qp, data, len);
}

static void fake_roce_disconnect(struct fake_qp *qp)
{
	struct fake_mad mad = {};
	struct cm_dreq_msg *dreq = &mad.dreq;

	if (!fake_cm_move(qp, FAKE_CM_UP, FAKE_CM_CLOSED))
		return;
	IBA_SET(CM_DREQ_LOCAL_COMM_ID, dreq, FAKE_PEER_ID | qp->ib.qp_num);
	IBA_SET(CM_DREQ_REMOTE_COMM_ID, dreq, qp->comm_id);
	IBA_SET(CM_DREQ_REMOTE_QPN_EECN, dreq, qp->ib.qp_num);
	fake_mad_deliver(qp->hca, &mad, CM_DREQ_ATTR_ID);
}

static void fake_roce_send_drep(struct fake_hca *hca, u32 from, u32 to)
{
	struct fake_mad mad = {};

	IBA_SET(CM_DREP_LOCAL_COMM_ID, &mad.drep, from);
	IBA_SET(CM_DREP_REMOTE_COMM_ID, &mad.drep, to);
	fake_mad_deliver(hca, &mad, CM_DREP_ATTR_ID);
}

static void fake_roce_close(struct fake_qp *qp)
{
	if (fake_cm_move(qp, FAKE_CM_CLOSING, FAKE_CM_CLOSED))
		fake_roce_send_drep(qp->hca, FAKE_PEER_ID | qp->ib.qp_num,
				    qp->comm_id);
	else
		fake_roce_disconnect(qp);
}

static void fake_roce_lose_peer(struct fake_qp *qp)
{
	fake_net_move_portal(qp->hca->netdev, qp->hca->net, qp->hca->cfg.ipv6);
}

static void fake_roce_take_req(struct fake_qp *qp, struct cm_req_msg *req)
{
	struct fake_hca *hca = qp->hca;

	if (qp->cm_state != FAKE_CM_IDLE)
		return;
	qp->comm_id = IBA_GET(CM_REQ_LOCAL_COMM_ID, req);
	qp->service_id = IBA_GET(CM_REQ_SERVICE_ID, req);
	qp->cm_param.ird = IBA_GET(CM_REQ_RESPONDER_RESOURCES, req);
	qp->cm_param.ord = IBA_GET(CM_REQ_INITIATOR_DEPTH, req);
	qp->cm_param.private_data_len = FAKE_REQ_DATA_LEN;
	memcpy(qp->cm_data,
	       IBA_GET_MEM_PTR(CM_REQ_PRIVATE_DATA, req) + FAKE_CMA_HDR_LEN,
	       FAKE_REQ_DATA_LEN);
	fake_cm_move(qp, FAKE_CM_IDLE, FAKE_CM_CONNECTING);
	hca->n_connects++;
	if (!hca->hold_connects)
		fake_roce_reply(qp, 0, hca->accept_data, hca->accept_data_len);
}

/* @qp may be NULL. */
static void fake_roce_take_dreq(struct fake_hca *hca, struct fake_qp *qp,
				struct cm_dreq_msg *dreq)
{
	if (qp)
		fake_cm_move(qp, FAKE_CM_UP, FAKE_CM_CLOSING);
	if (hca->hold_close)
		return;
	if (qp)
		fake_cm_move(qp, FAKE_CM_CLOSING, FAKE_CM_CLOSED);
	fake_roce_send_drep(hca, IBA_GET(CM_DREQ_REMOTE_COMM_ID, dreq),
			    IBA_GET(CM_DREQ_LOCAL_COMM_ID, dreq));
}

/* The far end's CM receives a message. */
static void fake_roce_take(struct fake_hca *hca, struct fake_mad *mad)
{
	struct fake_qp *qp;

	hca->n_mads[fake_mad_index(mad->hdr.attr_id)]++;
	switch (mad->hdr.attr_id) {
	case CM_REQ_ATTR_ID:
		qp = fake_qp_find(hca, IBA_GET(CM_REQ_LOCAL_QPN, &mad->req));
		if (qp)
			fake_roce_take_req(qp, &mad->req);
		break;
	case CM_DREQ_ATTR_ID:
		qp = fake_qp_find(hca, IBA_GET(CM_DREQ_REMOTE_COMM_ID,
					       &mad->dreq) & ~FAKE_PEER_ID);
		fake_roce_take_dreq(hca, qp, &mad->dreq);
		break;
	default:
		return;
	}
	if (qp)
		fake_qp_put(qp);
}

static void fake_roce_work(struct work_struct *work)
{
	struct fake_hca *hca = container_of(work, struct fake_hca, mad_work);
	struct fake_qp *gsi = fake_qp_find(hca, FAKE_GSI_QPN);
	struct fake_mad mad = {};
	struct fake_pdu *pdu;

	if (!gsi)
		return;
	while ((pdu = fake_qp_take_pdu(gsi))) {
		if (pdu->len == IB_MGMT_MAD_SIZE) {
			memcpy(mad.bytes, pdu->data, IB_MGMT_MAD_SIZE);
			fake_roce_take(hca, &mad);
		}
		kfree(pdu);
	}
	fake_qp_put(gsi);
}

void fake_roce_init(struct fake_hca *hca)
{
	INIT_WORK(&hca->mad_work, fake_roce_work);
}

void fake_roce_fini(struct fake_hca *hca)
{
	cancel_work_sync(&hca->mad_work);
}

static int fake_roce_port_immutable(struct ib_device *ib, u32 port,
				    struct ib_port_immutable *immutable)
{
	immutable->gid_tbl_len = 16;
	immutable->pkey_tbl_len = 1;
	immutable->max_mad_size = IB_MGMT_MAD_SIZE;
	immutable->core_cap_flags = RDMA_CORE_PORT_IBA_ROCE_UDP_ENCAP;
	return 0;
}

static enum rdma_link_layer fake_roce_link_layer(struct ib_device *ib, u32 port)
{
	return IB_LINK_LAYER_ETHERNET;
}

static int fake_roce_query_pkey(struct ib_device *ib, u32 port, u16 index,
				u16 *pkey)
{
	*pkey = IB_DEFAULT_PKEY_FULL;
	return 0;
}

/* The core keeps the table of GIDs. */
static int fake_roce_gid(const struct ib_gid_attr *attr, void **context)
{
	return 0;
}

static int fake_roce_create_ah(struct ib_ah *ah, struct rdma_ah_init_attr *attr,
			       struct ib_udata *udata)
{
	return 0;
}

static int fake_roce_destroy_ah(struct ib_ah *ah, u32 flags)
{
	return 0;
}

struct fake_ah {
	struct ib_ah		ib;
};

static const struct ib_device_ops fake_roce_ops = {
	.get_port_immutable	= fake_roce_port_immutable,
	.get_link_layer		= fake_roce_link_layer,
	.query_pkey		= fake_roce_query_pkey,
	.add_gid		= fake_roce_gid,
	.del_gid		= fake_roce_gid,
	.create_ah		= fake_roce_create_ah,
	.destroy_ah		= fake_roce_destroy_ah,
	INIT_RDMA_OBJ_SIZE(ib_ah, fake_ah, ib),
};

const struct fake_cm fake_roce = {
	.ops		= &fake_roce_ops,
	.node_type	= RDMA_NODE_IB_CA,
	.reply		= fake_roce_reply,
	.disconnect	= fake_roce_disconnect,
	.close		= fake_roce_close,
	.lose_peer	= fake_roce_lose_peer,
};
