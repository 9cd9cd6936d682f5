/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Trace events of the iSER initiator.
 *
 * Events of a connection begin "conn=%u portal=%pISpc", those of an I/O or an MR
 * "conn=%u itt=0x%08x", which is enough to join the two.
 * rkeys and tags are 0x%08x, lengths decimal and in bytes, addresses hex,
 * times in microseconds, a status is text and number.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM iser

#if !defined(_ISER_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _ISER_TRACE_H

#include <linux/tracepoint.h>
#include <rdma/ib_cm.h>
#include <trace/misc/rdma.h>

#include "iscsi_iser.h"

TRACE_DEFINE_ENUM(ISER_CONN_CONNECTING);
TRACE_DEFINE_ENUM(ISER_CONN_UP);
TRACE_DEFINE_ENUM(ISER_CONN_TERMINATING);
TRACE_DEFINE_ENUM(ISER_CONN_DOWN);

#define show_iser_conn_state(state)					\
	__print_symbolic(state,						\
		{ ISER_CONN_CONNECTING,		"CONNECTING" },		\
		{ ISER_CONN_UP,			"UP" },			\
		{ ISER_CONN_TERMINATING,	"TERMINATING" },	\
		{ ISER_CONN_DOWN,		"DOWN" })

TRACE_DEFINE_ENUM(ISER_WR_SEND);
TRACE_DEFINE_ENUM(ISER_WR_EARLY);
TRACE_DEFINE_ENUM(ISER_WR_INV);
TRACE_DEFINE_ENUM(ISER_WR_RECV);

#define show_iser_wr_kind(kind)						\
	__print_symbolic(kind,						\
		{ ISER_WR_SEND,			"SEND" },		\
		{ ISER_WR_EARLY,		"REG_MR or early SEND" }, \
		{ ISER_WR_INV,			"LOCAL_INV" },		\
		{ ISER_WR_RECV,			"RECV" })

/* @usecs: since the teardown began, 0 if it has not. */
DECLARE_EVENT_CLASS(iser_conn_class,
	TP_PROTO(const struct iser_conn *conn),
	TP_ARGS(conn),
	TP_STRUCT__entry(
		__field(u32, conn)
		__sockaddr(portal, sizeof(struct sockaddr_in6))
		__field(s64, usecs)
	),
	TP_fast_assign(
		__entry->conn = conn->id;
		__assign_sockaddr(portal, &conn->portal, sizeof(struct sockaddr_in6));
		__entry->usecs = conn->terminated ?
				 ktime_us_delta(ktime_get(), conn->terminated) : 0;
	),
	TP_printk("conn=%u portal=%pISpc after=%lldus", __entry->conn,
		  __get_sockaddr(portal), __entry->usecs)
);

#define DEFINE_ISER_CONN_EVENT(name)					\
	DEFINE_EVENT(iser_conn_class, name,				\
		TP_PROTO(const struct iser_conn *conn),			\
		TP_ARGS(conn))

DEFINE_ISER_CONN_EVENT(iser_ep_connect);
DEFINE_ISER_CONN_EVENT(iser_ep_disconnect);
DEFINE_ISER_CONN_EVENT(iser_ep_disconnect_done);
DEFINE_ISER_CONN_EVENT(iser_conn_stop);
DEFINE_ISER_CONN_EVENT(iser_conn_stop_done);
DEFINE_ISER_CONN_EVENT(iser_conn_flushed);
DEFINE_ISER_CONN_EVENT(iser_conn_release);

TRACE_EVENT(iser_conn_state,
	TP_PROTO(const struct iser_conn *conn, enum iser_conn_state from,
		 enum iser_conn_state to),
	TP_ARGS(conn, from, to),
	TP_STRUCT__entry(
		__field(u32, conn)
		__sockaddr(portal, sizeof(struct sockaddr_in6))
		__field(u32, from)
		__field(u32, to)
	),
	TP_fast_assign(
		__entry->conn = conn->id;
		__assign_sockaddr(portal, &conn->portal, sizeof(struct sockaddr_in6));
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("conn=%u portal=%pISpc from=%s to=%s", __entry->conn,
		  __get_sockaddr(portal), show_iser_conn_state(__entry->from),
		  show_iser_conn_state(__entry->to))
);

TRACE_EVENT(iser_conn_fail,
	TP_PROTO(const struct iser_conn *conn, const char *cause, int err),
	TP_ARGS(conn, cause, err),
	TP_STRUCT__entry(
		__field(u32, conn)
		__sockaddr(portal, sizeof(struct sockaddr_in6))
		__array(char, cause, 64)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->conn = conn->id;
		__assign_sockaddr(portal, &conn->portal, sizeof(struct sockaddr_in6));
		strscpy(__entry->cause, cause, sizeof(__entry->cause));
		__entry->err = err;
	),
	TP_printk("conn=%u portal=%pISpc cause=\"%s\" err=%d", __entry->conn,
		  __get_sockaddr(portal), __entry->cause, __entry->err)
);

TRACE_EVENT(iser_cm_event,
	TP_PROTO(const struct iser_conn *conn, const struct rdma_cm_event *event),
	TP_ARGS(conn, event),
	TP_STRUCT__entry(
		__field(u32, conn)
		__sockaddr(portal, sizeof(struct sockaddr_in6))
		__field(unsigned long, event)
		__field(int, status)
	),
	TP_fast_assign(
		__entry->conn = conn->id;
		__assign_sockaddr(portal, &conn->portal, sizeof(struct sockaddr_in6));
		__entry->event = event->event;
		__entry->status = event->status;
	),
	TP_printk("conn=%u portal=%pISpc event=%s (%lu) status=%d", __entry->conn,
		  __get_sockaddr(portal), rdma_show_cm_event(__entry->event),
		  __entry->event, __entry->status)
);

TRACE_EVENT(iser_device_event,
	TP_PROTO(const struct ib_device *ibdev, const struct ib_event *event),
	TP_ARGS(ibdev, event),
	TP_STRUCT__entry(
		__array(char, device, IB_DEVICE_NAME_MAX)
		__field(unsigned long, event)
		__field(u32, port)
	),
	TP_fast_assign(
		strscpy(__entry->device, dev_name(&ibdev->dev), IB_DEVICE_NAME_MAX);
		__entry->event = event->event;
		__entry->port = event->element.port_num;
	),
	TP_printk("device=%s port=%u event=%s (%lu)", __entry->device, __entry->port,
		  rdma_show_ib_event(__entry->event), __entry->event)
);

TRACE_EVENT(iser_io_send,
	TP_PROTO(const struct iser_io *io),
	TP_ARGS(io),
	TP_STRUCT__entry(
		__field(u32, conn)
		__field(u32, itt)
		__field(u8, opcode)
		__field(u8, flags)
		__field(u32, length)
		__field(u32, immediate)
		__field(u32, dataouts)
		__field(u32, stag)
	),
	TP_fast_assign(
		__entry->conn = io->conn->id;
		__entry->itt = (__force u32)io->hdr->bhs.itt;
		__entry->opcode = io->hdr->bhs.opcode;
		__entry->flags = io->hdr->iser.flags;
		__entry->length = io->length;
		__entry->immediate = ntoh24(io->hdr->bhs.dlength);
		__entry->dataouts = io->length ? io->dataouts : 0;
		__entry->stag = be32_to_cpu(io->hdr->iser.flags & ISER_WSV ?
					    io->hdr->iser.write_stag :
					    io->hdr->iser.read_stag);
	),
	TP_printk("conn=%u itt=0x%08x opcode=0x%02x iser_flags=0x%02x length=%u segment=%u dataouts=%u stag=0x%08x",
		  __entry->conn, __entry->itt, __entry->opcode, __entry->flags,
		  __entry->length, __entry->immediate, __entry->dataouts, __entry->stag)
);

TRACE_EVENT(iser_io_response,
	TP_PROTO(const struct iser_conn *conn, const struct iscsi_scsi_rsp *rsp,
		 bool invalidated),
	TP_ARGS(conn, rsp, invalidated),
	TP_STRUCT__entry(
		__field(u32, conn)
		__field(u32, itt)
		__field(u8, response)
		__field(u8, status)
		__field(u32, residual)
		__field(bool, invalidated)
	),
	TP_fast_assign(
		__entry->conn = conn->id;
		__entry->itt = (__force u32)rsp->itt;
		__entry->response = rsp->response;
		__entry->status = rsp->cmd_status;
		__entry->residual = be32_to_cpu(rsp->residual_count);
		__entry->invalidated = invalidated;
	),
	TP_printk("conn=%u itt=0x%08x response=0x%02x status=0x%02x residual=%u invalidated=%d",
		  __entry->conn, __entry->itt, __entry->response, __entry->status,
		  __entry->residual, __entry->invalidated)
);

TRACE_EVENT(iser_pdu_recv,
	TP_PROTO(const struct iser_conn *conn, const struct iscsi_hdr *bhs),
	TP_ARGS(conn, bhs),
	TP_STRUCT__entry(
		__field(u32, conn)
		__field(u32, itt)
		__field(u8, opcode)
		__field(u32, segment)
	),
	TP_fast_assign(
		__entry->conn = conn->id;
		__entry->itt = (__force u32)bhs->itt;
		__entry->opcode = bhs->opcode;
		__entry->segment = ntoh24(bhs->dlength);
	),
	TP_printk("conn=%u itt=0x%08x opcode=0x%02x segment=%u", __entry->conn,
		  __entry->itt, __entry->opcode, __entry->segment)
);

TRACE_EVENT(iser_mr_register,
	TP_PROTO(const struct iser_io *io),
	TP_ARGS(io),
	TP_STRUCT__entry(
		__field(u32, conn)
		__field(u32, itt)
		__field(u32, rkey)
		__field(u64, iova)
		__field(u64, length)
		__field(int, access)
	),
	TP_fast_assign(
		__entry->conn = io->conn->id;
		__entry->itt = (__force u32)io->hdr->bhs.itt;
		__entry->rkey = io->reg_wr.mr->rkey;
		__entry->iova = io->reg_wr.mr->iova;
		__entry->length = io->reg_wr.mr->length;
		__entry->access = io->reg_wr.access;
	),
	TP_printk("conn=%u itt=0x%08x rkey=0x%08x iova=0x%llx length=%llu access=0x%x",
		  __entry->conn, __entry->itt, __entry->rkey, __entry->iova,
		  __entry->length, __entry->access)
);

TRACE_EVENT(iser_mr_invalidate,
	TP_PROTO(const struct iser_io *io),
	TP_ARGS(io),
	TP_STRUCT__entry(
		__field(u32, conn)
		__field(u32, itt)
		__field(u32, rkey)
	),
	TP_fast_assign(
		__entry->conn = io->conn->id;
		__entry->itt = (__force u32)io->hdr->bhs.itt;
		__entry->rkey = io->reg_wr.mr->rkey;
	),
	TP_printk("conn=%u itt=0x%08x rkey=0x%08x", __entry->conn, __entry->itt,
		  __entry->rkey)
);

TRACE_EVENT(iser_wc_err,
	TP_PROTO(const struct iser_conn *conn, const struct ib_wc *wc,
		 enum iser_wr_kind kind, itt_t itt),
	TP_ARGS(conn, wc, kind, itt),
	TP_STRUCT__entry(
		__field(u32, conn)
		__field(u32, itt)
		__field(u32, kind)
		__field(unsigned long, status)
		__field(u32, vendor_err)
	),
	TP_fast_assign(
		__entry->conn = conn->id;
		__entry->itt = (__force u32)itt;
		__entry->kind = kind;
		__entry->status = wc->status;
		__entry->vendor_err = wc->vendor_err;
	),
	TP_printk("conn=%u itt=0x%08x wr=%s status=%s (%lu/0x%x)", __entry->conn,
		  __entry->itt, show_iser_wr_kind(__entry->kind),
		  rdma_show_wc_status(__entry->status), __entry->status,
		  __entry->vendor_err)
);

#endif /* _ISER_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE iser_trace

#include <trace/define_trace.h>
