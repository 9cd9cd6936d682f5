// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: a connection's dealings with the RDMA connection manager (CM).
 *
 * iser_cm_connect() starts it; its events arrive one at a time: address resolved
 * (the device is attached), route resolved (queue pair and receives of the login
 * phase are made, REQ is sent), established. Each of these steps runs under
 * setup_mutex and does nothing once the setup has been closed. (On siw the step
 * that sends the REQ connects a TCP socket, and teardown waits for that as long as
 * TCP does.)
 *
 * The others that concern a connection are failures. The handler never lets the CM
 * destroy the id, and destroys no queue pair itself. It runs on queues that all RDMA
 * users of the machine share, so it waits for no peer.
 */
#include <linux/sched/mm.h>

#include <rdma/ib_cm.h>

#include "iscsi_iser.h"
#include "iser_trace.h"

#define ISER_RESOLVE_TIMEOUT_MS	2000
/* Of the RC transport, for both ends; rdma_rxe never gives up at 7. */
#define ISER_RETRIES		6
#define ISER_RNR_RETRIES	7	/* without end */

/**
 * iser_cm_connect - begin to connect
 * @conn: new connection
 *
 * Context: process; ep_connect.
 * Return: 0, or a negative errno with a message; the caller shuts down then.
 */
int iser_cm_connect(struct iser_conn *conn)
{
	int ack_timeout = READ_ONCE(iser_ack_timeout);
	int tos = READ_ONCE(iser_tos);
	int err;

	if (tos >= 0)
		rdma_set_service_type(conn->cm_id, tos);
	if (ack_timeout > 0) {
		err = rdma_set_ack_timeout(conn->cm_id, ack_timeout);
		if (err) {
			iser_conn_log(conn, KERN_WARNING,
				      "cannot set the ACK timeout (%d)\n", err);
			return err;
		}
	}
	err = rdma_resolve_addr(conn->cm_id, NULL, (struct sockaddr *)&conn->portal,
				ISER_RESOLVE_TIMEOUT_MS);
	if (err)
		iser_conn_log(conn, KERN_WARNING,
			      "cannot connect: no route over an RDMA device (%d)\n",
			      err);
	return err;
}

static int iser_cm_send_req(struct iser_conn *conn)
{
	/* Every rkey is a fast registration's: Send with Invalidate is welcome. */
	static const struct iser_cm_hdr private_data = { .flags = ISER_ZBVA_NOT_SUP };
	struct rdma_conn_param param = {
		.private_data = &private_data,
		.private_data_len = sizeof(private_data),
		.responder_resources = min_t(u32, conn->ibdev->attrs.max_qp_rd_atom,
					     U8_MAX),
		.retry_count = ISER_RETRIES,
		.rnr_retry_count = ISER_RNR_RETRIES,
	};

	return rdma_connect_locked(conn->cm_id, &param);
}

static void iser_cm_established(struct iser_conn *conn)
{
	const struct ib_gid_attr *attr = conn->cm_id->route.addr.dev_addr.sgid_attr;

	conn->established = true;
	conn->local = conn->cm_id->route.addr.src_addr;
	/*
	 * Only RoCE's come and go; others leave the cache to be written anew. The
	 * CM id holds the entry, so that its index means no other one meanwhile.
	 */
	iser_conn_up(conn, attr && rdma_protocol_roce(conn->ibdev, conn->port) ?
			   attr->index : -1);
}

/* Why the CM refused, in words that say what to look at. */
static const char *iser_cm_reject_cause(struct rdma_cm_id *id, int reason)
{
	bool ib_cm = rdma_ib_or_roce(id->device, id->port_num);

	if (ib_cm && reason == IB_CM_REJ_INVALID_SERVICE_ID)
		return "refused: nothing listens on this port over RDMA";
	if (reason == (ib_cm ? IB_CM_REJ_CONSUMER_DEFINED : -ECONNREFUSED))
		return "refused: no iSER portal there, or the target takes no more connections";
	return rdma_reject_msg(id, reason);
}

/* Why there is no connection, likewise. */
static const char *iser_cm_connect_cause(const struct rdma_cm_event *event)
{
	switch (event->event) {
	case RDMA_CM_EVENT_ADDR_ERROR:
		return event->status == -ENODEV ?
		       "no RDMA device leads to this address" :
		       "nobody answers at this address";
	case RDMA_CM_EVENT_ROUTE_ERROR:
		return "the RDMA network has no route to this address";
	case RDMA_CM_EVENT_UNREACHABLE:
		return "unreachable: no answer over RDMA";
	default:
		return rdma_event_msg(event->event);
	}
}

/* One step of coming up; what it makes is the release's to undo. */
static void iser_cm_setup_step(struct iser_conn *conn, enum rdma_cm_event_type event)
{
	const char *cause = rdma_event_msg(event);
	int err = 0;

	if (iser_conn_lock_setup(conn))
		return;
	switch (event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		conn->port = conn->cm_id->port_num;
		err = iser_device_attach(conn, conn->cm_id->device);
		if (err)
			cause = "iSER cannot use the device that leads there";
		else
			err = rdma_resolve_route(conn->cm_id, ISER_RESOLVE_TIMEOUT_MS);
		break;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		err = iser_conn_create_qp(conn);
		if (err)
			cause = "no queue pair";
		else
			err = iser_cm_send_req(conn);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		iser_cm_established(conn);
		break;
	default:
		break;
	}
	iser_conn_unlock_setup(conn);
	if (err)
		iser_conn_fail(conn, cause, err);
}

/**
 * iser_cm_handler - an event of the CM
 * @id: the connection's
 * @event: what has happened
 *
 * Context: process, the id's handler_mutex held.
 * Return: 0; anything else would make the CM destroy the id.
 */
int iser_cm_handler(struct rdma_cm_id *id, struct rdma_cm_event *event)
{
	struct iser_conn *conn = id->context;
	unsigned int noio = memalloc_noio_save();

	trace_iser_cm_event(conn, event);
	switch (event->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
	case RDMA_CM_EVENT_ESTABLISHED:
		iser_cm_setup_step(conn, event->event);
		break;
	case RDMA_CM_EVENT_REJECTED:
		iser_conn_fail(conn, iser_cm_reject_cause(id, event->status), -ECONNREFUSED);
		break;
	case RDMA_CM_EVENT_ADDR_ERROR:
	case RDMA_CM_EVENT_ROUTE_ERROR:
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
		iser_conn_fail(conn, iser_cm_connect_cause(event),
			       event->status < 0 ? event->status : -EHOSTUNREACH);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		iser_conn_fail(conn, rdma_event_msg(event->event), -ECONNRESET);
		/*
		 * Answers the peer, and flushes. A peer that hangs up after its
		 * Login Response may never have acknowledged the request.
		 * Waits for nothing: the connection has been established.
		 */
		rdma_disconnect(id);
		break;
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
	case RDMA_CM_EVENT_ADDR_CHANGE:
		iser_conn_fail(conn, rdma_event_msg(event->event), -ECONNRESET);
		break;
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		/*
		 * For an id that missed iser_device_remove(): its connection
		 * has no device, so was never bound, and releases itself.
		 */
		iser_conn_fail(conn, rdma_event_msg(event->event), -ENODEV);
		iser_conn_shutdown(conn);
		break;
	default:
		break;
	}
	memalloc_noio_restore(noio);
	/* Anything else would make the CM destroy the id. */
	return 0;
}
