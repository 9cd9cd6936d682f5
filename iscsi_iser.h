/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * iSER (RFC 7145) transport of the open-iscsi initiator: the types, and what
 * each unit offers the others.
 *
 * Invariants, cited by number in the code that upholds them:
 *  1. When a command is completed to SCSI, no rkey of it is usable and no work
 *     request refers to memory of it, its header included.
 *  2. An rkey grants what the direction needs: a read command grants remote
 *     write, a write command remote read, data that is sent grants nothing.
 *  3. No DMA mapping, MR or work request of a connection exists after its
 *     release; no mapping or work request of a command after stop_conn.
 *  4. A connection's memory outlives each task that points into it; a device
 *     outlives each connection's RDMA resources.
 *  5. A command's registration, command PDU and Data-Out PDUs go to the send
 *     queue in one post, after room for all of them has been found; what was
 *     posted in part counts as sent.
 *  6. Nothing from the wire is trusted.
 *  7. Nothing sleeps in a completion, in the I/O path, or with a lock held that
 *     the CM callback takes (the setup mutex excepted).
 *  8. Memory that storage may be waiting for is allocated with GFP_NOIO.
 *  9. A failed allocation, mapping or post in the I/O path costs that I/O a
 *     retry, never an error; but what would fail at each retry is an error.
 *
 * A function's prefix tells its file: iser_conn_ iser_verbs.c (the connection),
 * iser_io_ iser_io.c (an I/O), iser_rx_ iser_receive.c, iser_mem_ and iser_hdrs_
 * iser_memory.c (what is in line of iser_io_ and iser_mem_: iser_io.h),
 * iser_prepare_ and iser_sq_ iser_initiator.c; iser_cm_, iser_device_,
 * iser_vector_, iser_host_, iser_pi_, iser_eh_, iser_ep_, iser_attr_,
 * iser_param_, iser_debugfs_ and iser_latency_ theirs; iser_session_ is
 * iscsi_iser.c's. The transport's other callbacks bear their callback's name.
 *
 * Lock order:
 *   handler_mutex of the CM id -> iser_conn.setup_mutex
 *   session->frwd_lock -> session->back_lock -> iser_conn.state_lock
 *   iser_device.conns_lock -> iser_conn.state_lock
 *   iser_conn.state_lock -> iser_session.lock
 *   iser_endpoints_lock, iser_session.lock: nothing is taken inside
 *   iser_host.lock: nothing of ours is taken inside
 *
 * Letters in front of a field's purpose say who may touch it:
 *   I  set during setup, constant from then on
 *   A  atomic, cmpxchg or bit operation
 *   F  under session->frwd_lock
 *   C  in the completion handlers of the connection's one CQ, which never run
 *      concurrently; after the drain, by whoever tears down
 *   S  under iser_conn.state_lock
 *   M  under iser_conn.setup_mutex
 */
#ifndef _ISCSI_ISER_H
#define _ISCSI_ISER_H

#include <linux/completion.h>
#include <linux/in6.h>
#include <linux/jump_label.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/sizes.h>
#include <linux/workqueue.h>

#include <rdma/ib_verbs.h>
#include <rdma/rdma_cm.h>

#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_host.h>
#include <scsi/libiscsi.h>
#include <scsi/scsi_transport_iscsi.h>
#include <scsi/iscsi_proto.h>
#include <scsi/iser.h>

#include "iser_compat.h"

#define ISER_CMDS_MAX		512	/* tasks of a session at the most */
#define ISER_SEND_SGES		6	/* header, and data sent from its own pages */
#define ISER_PI_REG_WRS		4	/* SQ entries of an integrity registration, at most */
#define ISER_CONTROL_WRS	16	/* send queue entries that commands leave free */
#define ISER_UNSIGNALLED_WRS	64	/* at the most, one after the other */
#define ISER_UNEXPECTED_PDUS	24	/* receives beyond one for each answer */
#define ISER_LOGIN_RECVS	16	/* receives before the session is known */
#define ISER_RECV_BATCH		8	/* receives reposted at a time */
#define ISER_RECV_SIZE		512	/* what most PDUs fit into */
#define ISER_OVERFLOW_SIZE	SZ_8K	/* what does not fit into it */
#define ISER_OVERFLOWS		4
#define ISER_MR_PAGE_SIZE	SZ_4K
#define ISER_FAILURES		16	/* that a session remembers */
#define ISER_LATENCY_BUCKETS	28	/* below 1 us, 2 us, 4 us, ... 134 s, and above */

struct iser_conn;
struct iser_vector;

/* What precedes the data segment in every message. */
struct iser_pdu_hdr {
	struct iser_ctrl	iser;
	struct iscsi_hdr	bhs;
};

static_assert(sizeof(struct iser_pdu_hdr) == 76);

/* An RDMA device, from the ib_client's add to its remove. */
struct iser_device {
	struct ib_device	*ibdev;		/* I */
	refcount_t		ref;		/* A: client data, connections, create_session */
	struct completion	unused;		/* the last reference is gone */
	struct rcu_head		rcu;		/* a lookup may still be reading */
	struct ib_event_handler	event_handler;	/* I */

	enum ib_mr_type		mr_type;	/* I */
	u32			mr_pages;	/* I: pages one MR can hold */
	u32			sq_wrs;		/* I: send queue entries, drain's excepted */
	u32			rq_wrs;		/* I: likewise */
	u32			cq_entries;	/* I: for both queues */
	u32			reg_wrs;	/* I: SQ entries of a registration */
	u32			sq_unsignalled;	/* I: SQ entries that may be; 0: no inline SENDs */
	bool			doubts_inv;	/* I: of the target: see iser_device_query() */
	u32			max_cmds;	/* I: of a session, that the queues hold */
	u32			max_tasks;	/* I: of a session, a power of two */
	u32			send_sges;	/* I */
	u32			recv_sges;	/* I: two, or one for all of a PDU */
	u32			recv_size;	/* I: a receive's own buffer */
	unsigned long		virt_boundary;	/* I: what a scatter list has to honour */
	u32			max_sectors;	/* I: of 512 bytes, that one MR can describe */
	u32			prot_caps;	/* I: SHOST_DIF_*, SHOST_DIX_*; 0: no T10-PI */
	unsigned char		prot_guard;	/* I: SHOST_DIX_GUARD_* */
	bool			pi_lack_logged;	/* in create_session, one at a time */

	spinlock_t		conns_lock;	/* for the next two */
	bool			removing;	/* conns_lock: takes no connection */
	struct list_head	conns;		/* conns_lock: iser_conn.device_entry */
};

/* What the HCA still owns of an I/O: iser_io.hca, which only iser_io.[ch] look at. */
enum iser_io_hca {
	ISER_IO_SEND		= BIT(0),	/* memory: until the last SEND has completed */
	ISER_IO_RKEY		= BIT(1),	/* MR: until somebody invalidates it */
	ISER_IO_INV		= BIT(2),	/* MR: until LOCAL_INV has completed */
	ISER_IO_PART		= BIT(3),	/* posted in part: until the flush */
};

/* Kinds of work requests, as a failed one is reported. */
enum iser_wr_kind {
	ISER_WR_SEND,			/* the last SEND of a PDU or command */
	ISER_WR_EARLY,			/* what is in front of it */
	ISER_WR_INV,
	ISER_WR_RECV,
};

/*
 * A slot: all that a task needs of a connection.
 *
 * One for each task of the session, found by task->itt. From a successful post
 * until hca has become zero the slot belongs to the HCA and holds a reference
 * on its task; before and after it belongs to the task (F).
 *
 * What a registered command needs lies in the first three cache lines.
 */
struct iser_io {
	/* of all, and what a response needs */
	atomic_t		hca;		/* A: enum iser_io_hca */
	u8			awaits;		/* opcode of the response that is due, or 0;
						 * cleared under back_lock
						 */
	bool			no_response;	/* NOP-Out that gets no answer */
	bool			pins_conn;	/* outlives the stop: holds a reference */
	bool			altered;	/* not ordinary: see iser_prepare_ordinary() */
	struct iser_conn	*conn;		/* I */
	struct iscsi_task	*task;		/* alloc_pdu until cleanup_task */
	struct iser_pdu_hdr	*hdr;		/* I: part of conn->hdrs */
	struct ib_mr		*mr;		/* I: NULL in discovery sessions */
	struct scatterlist	*sg;		/* mapped data; NULL: none is mapped */
	int			sg_count;	/* entries of it before mapping */
	int			dma_count;	/* and after */
	enum dma_data_direction	dir;
	u32			length;		/* EDTL */

	/* a registration, and the command behind it */
	struct ib_reg_wr	reg_wr;		/* its mr is the one in use */
	s32			prepared;	/* enum iser_io_hca of a command, or an errno */
	u16			sq_wrs;		/* send queue entries to take */
	u16			dataouts;	/* Data-Out PDUs sent */

	struct ib_send_wr	inline_wr;	/* I: header of a registered command */
	struct ib_sge		inline_sge;	/* I: by its virtual address */
	struct ib_cqe		early_cqe;	/* what is not signalled */

	/* PDUs that are sent from memory */
	struct ib_send_wr	send_wr;
	struct ib_cqe		send_cqe;	/* last SEND */
	struct ib_cqe		inv_cqe;	/* LOCAL_INV */
	u32			sq_end;		/* conn->sq_posted with it */
	u32			text_len;	/* 0: none is mapped */
	u64			text_dma;	/* mapped text of a control PDU */
	struct ib_sge		sge[ISER_SEND_SGES];

	struct ib_mr		*pi_mr;		/* I: for protected commands; NULL: none */
	bool			pi_unchecked;	/* its status has not been asked for */
	struct scatterlist	*prot_sg;	/* mapped protection information, or NULL */
	int			prot_count;	/* entries of it before mapping */
	int			prot_dma_count;	/* and after */
	u64			posted;		/* ns; written while somebody takes the time */
} ____cacheline_aligned;

/* A Data-Out PDU on its way; reused in the order of the send queue. */
struct iser_dataout {
	struct ib_send_wr	wr;
	struct ib_sge		sge[ISER_SEND_SGES];
	struct iser_pdu_hdr	*hdr;
};

/* Header buffers, in pages mapped for sending. */
struct iser_hdr_pages {
	unsigned int		count;		/* of pages */
	struct {
		void		*addr;
		u64		dma;
	} pages[];
};

/* A receive: a buffer of its own, and a share in an overflow area if it has two SGEs. */
struct iser_rx {
	struct ib_cqe		cqe;
	struct ib_recv_wr	wr;
	struct ib_sge		sge[2];
	struct iser_conn	*conn;
	struct iser_pdu_hdr	*buf;
	u8			*overflow;
	struct iser_io		*io;		/* C: slot that the PDU names, or NULL */
	u32			data_offset;	/* C: of the PDU being handled or held */
	u32			data_len;	/* C */
};

enum iser_conn_state {
	ISER_CONN_CONNECTING,
	ISER_CONN_UP,			/* the CM said ESTABLISHED; not libiscsi's UP */
	ISER_CONN_TERMINATING,		/* posts nothing, reports nothing */
	ISER_CONN_DOWN,			/* owns nothing but its memory */
};

/* What must have ended before a connection is released. */
enum iser_conn_end {
	ISER_CONN_FLUSHED	= BIT(0),	/* the drain is over */
	ISER_CONN_STOPPED	= BIT(1),	/* its tasks are, for libiscsi */
};

/* Shown by iscsiadm -m session -r N -s. Each side writes to lines of its own. */
struct iser_stats {
	/* F */
	u64	immediate_bytes;	/* sent with the command */
	u64	unsolicited_bytes;	/* sent in Data-Out PDUs */
	u64	solicited_bytes;	/* left to the target's RDMA Read */
	u64	registrations;
	u64	sq_full;		/* had to wait for room in the send queue */
	u32	pdus_sent[64];		/* by opcode; SCSI commands are libiscsi's to count */
	/* C */
	u64	read_bytes ____cacheline_aligned; /* placed by the target's RDMA Write */
	u64	remote_invalidations;
	u64	local_invalidations;	/* F or C: approximate */
	u32	pdus_received[64];	/* by opcode */
};

/* A failure of one of a session's connections; times are 0 until they come. */
struct iser_failure {
	u32			conn_id;
	u32			port;
	ktime_t			wall_clock;
	ktime_t			failed;
	ktime_t			flushed;
	ktime_t			stopped;
	ktime_t			started;	/* of the next connection that logged in */
	const char		*cause;
	int			err;
	u32			commands;	/* that SCSI had out at the stop */
	struct sockaddr_storage	portal;
	char			device_name[IB_DEVICE_NAME_MAX];
};

/* Transport data of an iscsi_session: outlives its connections. */
struct iser_session {
	struct dentry		*file;		/* I */
	spinlock_t		lock;		/* hard irq; for the next two */
	u32			failure_count;	/* so far; the last ones are kept */
	struct iser_failure	failures[ISER_FAILURES];
	/* under back_lock */
	u64			latency_since;	/* ns; 0: nobody takes the time */
	u64			latency[2][ISER_LATENCY_BUCKETS]; /* reads, writes */
};

/* Transport data of an iscsi_conn: lives from create_conn to destroy_conn. */
struct iser_binding {
	struct iser_conn	*conn;		/* F: one reference, bind until stop */
	struct iser_vector	*vector;	/* iser_vectors_lock */
	struct iser_stats	*stats;		/* I */
};

/* One RDMA connection, made by ep_connect and never reused. */
struct iser_conn {
	/* constant */
	u32			id;		/* I: "conn" in log lines and trace events */
	struct sockaddr_storage	portal;		/* I */
	struct rdma_cm_id	*cm_id;		/* I: release destroys it */
	struct iser_device	*device;	/* M: one reference, release drops it */
	struct ib_device	*ibdev;		/* I: the device's */
	struct ib_pd		*pd;		/* M */
	struct ib_cq		*cq;		/* M: from the shared pool */
	struct ib_qp		*qp;		/* M: teardown destroys it */
	struct iser_vector	*vector;	/* iser_vectors_lock: that of cq */
	u32			port;		/* I: of the device */
	char			device_name[IB_DEVICE_NAME_MAX]; /* I: for messages */
	int			sgid_index;	/* I: from UP on: the QP's GID entry, or -1 */
	struct sockaddr_storage	local;		/* I: from UP on */

	/* I/O path: read by all */
	struct iscsi_conn	*iscsi_conn;	/* S to set, once, by bind; held */
	struct iser_stats	*stats;		/* I: the iser_binding's */
	struct iser_io		*ios;		/* I: from bind on; final free frees it */
	u32			num_ios;	/* I */
	enum iser_conn_state	state;		/* S, and F if bound: iser_conn_change_state() */
	u32			sq_size;	/* I: without the share of LOCAL_INVs */
	u32			sq_unsignalled;	/* I: the device's, or 0: no inline SENDs */
	bool			doubts_inv;	/* I: the device's */
	u32			data_sges;	/* I: of a SEND, beside the header's */
	u32			reg_wrs;	/* I: the device's */
	struct iser_dataout	*dataouts;	/* I: from start_conn on */
	u32			num_dataouts;	/* I: a power of two, or 0 */
	struct iser_hdr_pages	*hdrs;		/* I: of ios */
	struct iser_hdr_pages	*dataout_hdrs;	/* I */
	struct list_head	rx_chunks;	/* M: receives and their buffers */
	u32			rx_count;	/* M: receives made so far */
	struct {
		u8		*addr;
		u64		dma;
	} overflow[ISER_OVERFLOWS];		/* M: shared by the receives in turn */
	u8			*large_pdu;	/* M: a large data segment in one piece */

	/* I/O path: written by the sender */
	u32			sq_posted ____cacheline_aligned; /* F: entries taken so far */
	u32			sq_signalled;	/* F: of them, up to the last signalled one */
	u32			sq_room;	/* F: for commands, less what one waits for */
	u32			dataouts_posted; /* F */
	bool			misfit_logged;	/* F: see iser_prepare_log_misfit() */

	/* I/O path: written by the completion handlers */
	u32			sq_done ____cacheline_aligned; /* C: entries given back */
	u32			rx_repost_count; /* C */
	struct ib_recv_wr	*rx_repost;	/* C: chain not yet posted */
	struct iser_rx		*held_rx;	/* C: response before its request's SEND */
	u32			rx_done;	/* C: receives given back */
	u32			rx_posted;	/* S: how often receives were posted so far */

	/* connection management */
	spinlock_t		state_lock;	/* taken inside frwd_lock, and in hard irq */
	u8			ended;		/* S: enum iser_conn_end */
	int			err;		/* S: first failure, stays */
	const char		*cause;		/* of it, in words; written by the first one */
	wait_queue_head_t	state_wait;	/* left CONNECTING, or failed */
	struct mutex		setup_mutex;
	bool			setup_closed;	/* M: no CM step makes anything any more */
	bool			established;	/* M: there is something to disconnect */
	bool			setup_started;	/* S */
	int			setup_err;	/* of setup_work */
	struct work_struct	fail_work;	/* the only caller of iscsi_conn_failure() */
	struct work_struct	setup_work;	/* MRs and receives of full feature phase */
	struct work_struct	drain_work;
	struct work_struct	kill_qp_work;	/* of a device that does not flush */
	struct work_struct	release_work;
	struct work_struct	free_work;
	struct delayed_work	port_down_work;	/* grace period of a port that went down */
	struct completion	flush_completion; /* comes without the peer's help */
	struct kref		ref;		/* who holds one: see iser_verbs.c */
	struct rcu_head		rcu;
	struct iscsi_endpoint	*ep;		/* iser_endpoints_lock */
	struct list_head	ep_entry;	/* iser_endpoints_lock */
	struct list_head	device_entry;	/* device->conns_lock */
	ktime_t			terminated;	/* start of the teardown */
};

/* Transport data of a SCSI host. */
struct iser_host {
	struct iscsi_session	*session;	/* the only one; set before it is seen */
	struct Scsi_Host	*shost;		/* I */
	struct device		*parent;	/* the HCA's, held; NULL: none (any more) */
	const struct bus_type	*bus;		/* I: the parent's; NULL: there was none */
	struct notifier_block	notifier;	/* of that bus */
	struct mutex		lock;		/* for the next one, and a change of parent */
	bool			leaving;	/* the host is about to be removed */
	struct completion	removed;	/* it is */
};

/* Transport data of a task: NULL unless it has a slot. */
struct iser_task {
	struct iser_io		*io;
};

static inline struct iser_io *iser_task_io(struct iscsi_task *task)
{
	return ((struct iser_task *)task->dd_data)->io;
}

/* Neither being taken down nor gone. Under state_lock, or it may be over at once. */
static inline bool iser_conn_is_live(const struct iser_conn *conn)
{
	return conn->state == ISER_CONN_CONNECTING || conn->state == ISER_CONN_UP;
}

/* iser_param.c */
extern bool iser_param_refuses;	/* what is out of range, instead of taking the nearest */
extern int iser_max_lun;
extern int iser_max_sectors;
extern bool iser_pi_enable;
extern int iser_pi_guard;
extern int iser_ack_timeout;
extern int iser_tos;
extern int iser_port_down_grace_ms;

/* iscsi_iser.c */
struct iser_conn *iser_session_conn(struct iscsi_session *session);
struct iser_conn *iser_session_conn_get(struct iscsi_session *session);

/* iser_ep.c */
struct iser_conn *iser_ep_conn_get(struct iscsi_endpoint *ep);
struct iscsi_endpoint *iser_ep_connect(struct Scsi_Host *shost, struct sockaddr *addr,
				       int non_blocking);
int iser_ep_poll(struct iscsi_endpoint *ep, int timeout_ms);
void iser_ep_disconnect(struct iscsi_endpoint *ep);
void iser_ep_disconnect_all(void);
int iser_ep_get_param(struct iscsi_endpoint *ep, enum iscsi_param param, char *buf);

/* iser_attr.c */
void iser_attr_get_stats(struct iscsi_cls_conn *cls_conn, struct iscsi_stats *stats);
int iser_attr_get_host_param(struct Scsi_Host *shost, enum iscsi_host_param param,
			     char *buf);
int iser_attr_get_conn_param(struct iscsi_cls_conn *cls_conn, enum iscsi_param param,
			     char *buf);
umode_t iser_attr_is_visible(int param_type, int param);

/* iser_eh.c */
int iser_eh_abort(struct scsi_cmnd *sc);
int iser_eh_device_reset(struct scsi_cmnd *sc);
int iser_eh_target_reset(struct scsi_cmnd *sc);

/* iser_host.c */
bool iser_host_fits(struct Scsi_Host *shost, struct iser_device *device);
void iser_host_limit(struct Scsi_Host *shost, struct iser_device *device);
int iser_host_add(struct Scsi_Host *shost, struct iser_device *device);
void iser_host_remove(struct Scsi_Host *shost);

/* iser_device.c */
int iser_device_register_client(void);
void iser_device_unregister_client(void);
void iser_device_hold(struct iser_device *device);
void iser_device_put(struct iser_device *device);
u32 iser_device_recvs(u32 cmds);
int iser_device_attach(struct iser_conn *conn, struct ib_device *ibdev);
void iser_device_detach(struct iser_conn *conn);
void iser_device_check_gid(struct iser_conn *conn);

/* iser_verbs.c */
int iser_verbs_init(void);
void iser_verbs_exit(void);
struct iser_conn *iser_conn_create(const struct sockaddr *portal);
int iser_conn_create_qp(struct iser_conn *conn);
void iser_conn_up(struct iser_conn *conn, int sgid_index);
int iser_conn_poll(struct iser_conn *conn, int timeout_ms);
int iser_conn_bind(struct iser_conn *conn, struct iscsi_conn *iscsi_conn);
int iser_conn_lock_setup(struct iser_conn *conn);
void iser_conn_unlock_setup(struct iser_conn *conn);
void iser_conn_start_setup(struct iser_conn *conn);
int iser_conn_wait_setup(struct iser_conn *conn);
void iser_conn_fail(struct iser_conn *conn, const char *cause, int err);
void iser_conn_wc_failed(struct iser_conn *conn, struct ib_wc *wc,
			 enum iser_wr_kind kind, itt_t itt);
void iser_conn_port_down(struct iser_conn *conn);
void iser_conn_shutdown(struct iser_conn *conn);
void iser_conn_stop(struct iser_conn *conn);
__printf(3, 4)
void iser_conn_log(const struct iser_conn *conn, const char *level, const char *fmt, ...);
void iser_conn_get(struct iser_conn *conn);
bool iser_conn_get_unless_zero(struct iser_conn *conn);
void iser_conn_put(struct iser_conn *conn);

/* iser_cm.c */
int iser_cm_connect(struct iser_conn *conn);
int iser_cm_handler(struct rdma_cm_id *id, struct rdma_cm_event *event);

/* iser_initiator.c */
int iser_init_task(struct iscsi_task *task);
int iser_xmit_task(struct iscsi_task *task);

/* iser_io.c */
int iser_alloc_pdu(struct iscsi_task *task, u8 opcode);
void iser_cleanup_task(struct iscsi_task *task);
void iser_io_init(struct iser_io *io);
void iser_io_set_control(struct iser_io *io);
int iser_io_post(struct iser_io *io, int owned);
int iser_io_post_inline(struct iser_io *io);
void iser_io_invalidate(struct iser_io *io);
bool iser_io_is_sent(struct iser_io *io);
bool iser_io_is_owed(struct iser_io *io);
void iser_io_flushed(struct iser_io *io);
void iser_io_pin_conn(struct iser_io *io);

/* iser_memory.c */
int iser_mem_alloc_ios(struct iser_conn *conn, u32 count);
void iser_mem_free_ios(struct iser_conn *conn);
int iser_mem_alloc_mrs(struct iser_conn *conn);
void iser_mem_free_mrs(struct iser_conn *conn);
int iser_mem_alloc_dataouts(struct iser_conn *conn, u32 count);
void iser_hdrs_unmap(struct ib_device *ibdev, struct iser_hdr_pages *hdrs);
int iser_mem_map_prot(struct iser_io *io, struct scsi_cmnd *sc);
int iser_mem_map_text(struct iser_io *io, void *text, u32 len);
void iser_mem_unmap_others(struct iser_io *io);

/* iser_pi.c */
void iser_pi_query_device(struct iser_device *device);
void iser_pi_limit_host(struct Scsi_Host *shost, struct iser_device *device);
bool iser_pi_fits(struct Scsi_Host *shost, struct iser_device *device);
int iser_pi_register(struct iser_io *io, int access);
u8 iser_pi_check_protection(struct iscsi_task *task, sector_t *sector);

/* iser_receive.c */
int iser_rx_alloc(struct iser_conn *conn, u32 count);
void iser_rx_free(struct iser_conn *conn);
struct iser_rx *iser_rx_unhold(struct iser_io *io);
void iser_rx_deliver_held(struct iser_rx *rx);

/* iser_vector.c */
int iser_vector_take(struct iser_conn *conn);
void iser_vector_bind(struct iser_conn *conn, struct iser_binding *binding);
void iser_vector_release(struct iser_conn *conn);
void iser_vector_forget(struct iser_binding *binding);

/* iser_debugfs.c */
#ifdef CONFIG_DEBUG_FS
DECLARE_STATIC_KEY_FALSE(iser_latency_key);

void iser_debugfs_init(void);
void iser_debugfs_exit(void);
void iser_debugfs_add_session(struct iscsi_cls_session *cls_session);
void iser_debugfs_remove_session(struct iscsi_cls_session *cls_session);
void iser_debugfs_conn_failed(struct iser_conn *conn);
void iser_debugfs_conn_flushed(struct iser_conn *conn);
void iser_debugfs_conn_stop(struct iser_conn *conn);
void iser_debugfs_conn_started(struct iser_conn *conn);
void __iser_latency_count(struct iser_io *io);

/* Both cost a no-op while no session's histogram is on. */
static inline void iser_latency_start(struct iser_io *io)
{
	if (static_branch_unlikely(&iser_latency_key))
		io->posted = ktime_get_ns();
}

static inline void iser_latency_count(struct iser_io *io)
{
	if (static_branch_unlikely(&iser_latency_key))
		__iser_latency_count(io);
}
#else
static inline void iser_debugfs_init(void) {}
static inline void iser_debugfs_exit(void) {}
static inline void iser_debugfs_add_session(struct iscsi_cls_session *cls_session) {}
static inline void iser_debugfs_remove_session(struct iscsi_cls_session *cls_session) {}
static inline void iser_debugfs_conn_failed(struct iser_conn *conn) {}
static inline void iser_debugfs_conn_flushed(struct iser_conn *conn) {}
static inline void iser_debugfs_conn_stop(struct iser_conn *conn) {}
static inline void iser_debugfs_conn_started(struct iser_conn *conn) {}
static inline void iser_latency_start(struct iser_io *io) {}
static inline void iser_latency_count(struct iser_io *io) {}
#endif

#endif /* _ISCSI_ISER_H */
