/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A software HCA under the test's control.
 *
 * The ULP sees an ordinary ib_device under the kernel's own RDMA core and CM;
 * nothing happens on it but what a test, or a default the test can switch
 * off, lets happen:
 *
 *   fake_dma.c	  DMA mappings with a shadow buffer each, as on a machine whose
 *		  DMA is not coherent: what is not mapped or not synced is not seen
 *   fake_mr.c	  memory regions: key, state, domain, rights and range are checked
 *		  at each access
 *   fake_pi.c	  integrity regions, which check, insert and strip T10 protection
 *		  information on the way
 *   fake_qp.c	  queue pairs and their states
 *   fake_send.c  work requests wait in the send queue until the test completes
 *		  them; the far end of the wire is a list of messages
 *   fake_recv.c  messages from the far end take the posted receives
 *   fake_cq.c	  completion queues, polled by the kernel's own CQ code
 *   fake_cm.c	  connection management as the tests see it, over one of
 *		  two personalities:
 *   fake_iwarp.c the CM is the driver's, and each event the test's
 *   fake_roce.c  the CM is the kernel's ib_cm; its messages are answered here
 *   fake_spy.c	  watches the commands: nothing of one may be left when SCSI gets
 *		  it back
 *   fake_reclaim.c watches the ULP's memory: what it asks for must not wait for
 *		  the storage that it is to bring back
 *   fake_hca.c	  the device itself, and the log of what the ULP did wrong
 *   fake_net.c	  the network device that the RDMA core wants beneath
 *
 * One lock per HCA (hca->lock, taken with interrupts off, any context) covers
 * all but the mappings, which have dma->lock, taken inside. Completion handlers
 * and CM upcalls are called with neither.
 *
 * A ULP's mistake goes to fake_complain(), from any context; the test fails
 * for it when its HCA is destroyed.
 */
#ifndef FAKE_HCA_H
#define FAKE_HCA_H

#include <kunit/test.h>
#include <linux/dma-direction.h>
#include <linux/in6.h>
#include <linux/netdevice.h>
#include <linux/platform_device.h>
#include <rdma/ib_cm.h>
#include <rdma/ib_verbs.h>
#include <rdma/iw_cm.h>

#include "ulp.h"

#define FAKE_MAX_SGE		16
#define FAKE_MAX_CONNECT_DATA	128
#define FAKE_CDB_LEN		16
#define FAKE_ITTS		512
#define FAKE_LOCAL_LKEY		0x00f00d00

/* The verbs that can be made to fail, alone or counted together. */
enum fake_verb {
	FAKE_ALLOC_PD,
	FAKE_CREATE_CQ,
	FAKE_CREATE_QP,
	FAKE_MODIFY_QP,
	FAKE_ALLOC_MR,
	FAKE_MAP_MR,
	FAKE_POST_SEND,
	FAKE_POST_RECV,
	FAKE_CONNECT,
	FAKE_DMA_MAP,
	FAKE_CHECK_MR,
	FAKE_NR_VERBS,
};

/* What a device can do; 0 stands for the default given here. */
struct fake_hca_config {
	bool	roce;			/* else iWARP */
	bool	sg_gaps;		/* IBK_SG_GAPS_REG */
	bool	no_mem_mgt;		/* no fast registration at all */
	bool	ipv6;
	bool	dma_merge;		/* an IOMMU that joins page-aligned elements */
	u32	max_qp_wr;		/* 4096 */
	u32	max_cqe;		/* 16384 */
	u32	max_send_sge;		/* 8 */
	u32	max_recv_sge;		/* 4 */
	u32	max_pages;		/* 512, of a fast registration */
	u32	num_comp_vectors;	/* 2 */
	bool	integrity;		/* IBK_INTEGRITY_HANDOVER */
	u32	prot_caps;		/* all IB_PROT_T10DIF_TYPE_* */
	u32	guard_caps;		/* all IB_GUARD_T10DIF_* */
	u32	max_pi_pages;		/* 256, of an integrity registration */
};

struct fake_seg {
	phys_addr_t	phys;
	size_t		len;
};

struct fake_mapping {
	dma_addr_t		addr;
	size_t			len;
	enum dma_data_direction	dir;
	u8			*shadow;	/* what the device sees */
	unsigned int		nseg;
	struct fake_seg		seg[] __counted_by(nseg);
};

#define FAKE_MAPPINGS	8192

struct fake_dma {
	spinlock_t		lock;		/* for all of this */
	bool			merge;
	unsigned int		live;		/* mappings now */
	unsigned int		cursor;		/* last slot given; slots are reused late */
	struct fake_mapping	*slot[FAKE_MAPPINGS];
};

struct fake_pd {
	struct ib_pd		ib;
};

enum fake_mr_state {
	FAKE_MR_FREE,
	FAKE_MR_VALID,
};

struct fake_mr {
	struct ib_mr		ib;
	struct list_head	node;		/* hca->mrs */
	enum fake_mr_state	state;
	u32			max;		/* pages, or elements with gaps */
	u32			nr;		/* of them described by the last map */
	struct fake_mr_elem {
		u64		addr;
		u64		len;
	} *elem;
	/* as of the last registration */
	u32			key;
	bool			was_registered;
	int			access;
	u64			iova;
	u64			length;
	struct fake_pi		*pi;		/* of an integrity region, or NULL */
	bool			advertised;	/* in a command's header ... */
	u8			cdb[FAKE_CDB_LEN]; /* ... with this CDB */
};

/* A completion; n_slots of the send queue come free when it is polled. */
struct fake_cqe {
	struct ib_wc		wc;
	struct fake_qp		*qp;
	unsigned int		n_slots;
	bool			recv;
};

struct fake_cq {
	struct ib_cq		ib;
	struct fake_cqe		*ring;
	unsigned int		size, head, tail;
	bool			armed;
	bool			event_pending;
};

struct fake_wr {
	struct list_head	node;		/* qp->sq */
	u64			wr_id;
	enum ib_wr_opcode	opcode;
	unsigned int		slots;		/* that it takes in the queue */
	bool			signaled;
	bool			executed, failed;
	u32			key;		/* REG_MR, LOCAL_INV */
	int			access;
	struct fake_mr		*mr;		/* REG_MR */
	unsigned int		num_sge;
	struct ib_sge		sge[FAKE_MAX_SGE];
	u32			hash;		/* of a SEND's message */
	bool			has_cdb;	/* SCSI Command or its Data-Out */
	u8			cdb[FAKE_CDB_LEN];
};

struct fake_recv {
	struct list_head	node;		/* qp->rq */
	u64			wr_id;
	unsigned int		num_sge;
	struct ib_sge		sge[FAKE_MAX_SGE];
};

/* A message that the ULP sent, as the far end received it. */
struct fake_pdu {
	struct list_head	node;		/* qp->inbox */
	u32			len;
	u8			data[] __counted_by(len);
};

enum fake_cm_state {
	FAKE_CM_IDLE,
	FAKE_CM_CONNECTING,
	FAKE_CM_UP,
	FAKE_CM_CLOSING,		/* RoCE: their DREQ has no answer yet */
	FAKE_CM_CLOSED,
};

struct fake_qp {
	struct ib_qp		ib;
	struct fake_hca		*hca;
	struct list_head	node;		/* hca->qps */
	enum ib_qp_state	state;
	struct ib_qp_cap	cap;
	struct list_head	sq, rq, inbox;
	struct list_head	lost;		/* see fake_qp_lose() */
	unsigned int		sq_used, rq_used, inbox_len;
	refcount_t		ref;		/* see fake_qp_get() */
	struct completion	unreferenced;

	enum fake_cm_state	cm_state;
	struct iw_cm_conn_param	cm_param;	/* RoCE: what is in REQ of it */
	u8			cm_data[FAKE_MAX_CONNECT_DATA];
	/* iWARP */
	struct iw_cm_id		*cm_id;
	struct work_struct	close_work;
	/* RoCE */
	u32			comm_id;	/* in REQ, as the next */
	u64			service_id;
	u32			dest_qpn;	/* in RTR */

	u8			cdb[FAKE_ITTS][FAKE_CDB_LEN]; /* last sent, by ITT */
	/* the target's */
	u32			statsn, exp_cmdsn;
	u32			unsolicited;	/* bytes in Data-Out PDUs */
};

/* A personality; what one has no use for is NULL. */
struct fake_cm {
	const struct ib_device_ops *ops;
	u8	node_type;
	void	(*init_qp)(struct fake_qp *qp);
	void	(*fini_qp)(struct fake_qp *qp);
	void	(*qp_down)(struct fake_qp *qp);
	void	(*reply)(struct fake_qp *qp, int status, const void *data,
			 u8 len);
	void	(*disconnect)(struct fake_qp *qp);
	void	(*close)(struct fake_qp *qp);
	void	(*lose_peer)(struct fake_qp *qp);
};

/* What there is on the device. */
struct fake_counts {
	unsigned int		pd, cq, qp, mappings;
};

struct fake_hca {
	struct ib_device	ib;
	struct kunit		*test;
	struct fake_hca_config	cfg;
	struct platform_device	*pdev;
	struct net_device	*netdev;
	unsigned int		net;		/* third byte of its IPv4 network */
	struct fake_dma		*dma;
	bool			registered;

	spinlock_t		lock;		/* see the head of this file */
	struct list_head	qps, mrs;
	unsigned int		n_pd, n_cq, n_qp, n_mr;
	unsigned int		n_connects;
	const struct fake_cm	*cm;
	struct fake_counts	core;		/* the MAD layer's, not in n_* */
	u32			next_key;
	u32			next_qpn;

	struct ulp_text		text;		/* the ULP's functions */

	/* RoCE */
	struct fake_qp		*gsi;		/* not in qps */
	struct work_struct	mad_work;
	unsigned int		n_mads[16];	/* sent, by fake_mad_index() */

	/* the test's switches */
	bool			hold_completions;	/* of the send queue */
	bool			hold_connects;		/* else accepted at once */
	bool			hold_close;		/* else our close is answered */
	bool			allow_undrained;
	bool			slow_flush;	/* of a queue, until the next post */
	bool			no_error_state;		/* refused, whoever asks */
	bool			hold_events;		/* of the CQs: late interrupts */
	bool			port_down;		/* as query_port says it */
	bool			short_map;		/* MAP_MR fails by taking less */
	bool			hostile_peer;		/* invalidates any key */
	u16			apptag;			/* insisted on, asked or not */
	const void		*accept_data;
	u8			accept_data_len;
	bool			(*serve)(struct fake_qp *qp, struct fake_pdu *pdu);
	void			*serve_priv;
	/* before a post returns: what other CPUs do meanwhile */
	void			(*in_post)(struct fake_qp *qp,
					   const struct ib_send_wr *wr);

	/* failures by count */
	atomic_t		calls;
	int			fail_call;		/* of all verbs, from 1; 0 none */
	atomic_t		verb_calls[FAKE_NR_VERBS];
	int			fail_verb[FAKE_NR_VERBS];
	int			fail_send_wr;		/* nth WR of the next lists */
	unsigned int		slow_verb[FAKE_NR_VERBS]; /* ms; of those that may sleep */

	unsigned int		n_complaints;
	char			complaint[8][160];
};

static inline struct fake_hca *to_hca(struct ib_device *ib)
{
	return container_of(ib, struct fake_hca, ib);
}

static inline struct fake_qp *to_fqp(struct ib_qp *ib)
{
	return container_of(ib, struct fake_qp, ib);
}

static inline struct fake_cq *to_fcq(struct ib_cq *ib)
{
	return container_of(ib, struct fake_cq, ib);
}

static inline struct fake_mr *to_fmr(struct ib_mr *ib)
{
	return container_of(ib, struct fake_mr, ib);
}

/* fake_hca.c */
struct fake_hca *fake_hca_create(struct kunit *test,
				 const struct fake_hca_config *cfg);
void fake_hca_destroy(struct fake_hca *hca);
void fake_hca_unplug(struct fake_hca *hca);
void fake_hca_port_event(struct fake_hca *hca, enum ib_event_type event);
void fake_hca_event(struct fake_hca *hca, u32 port, enum ib_event_type event);
bool fake_verb_fails(struct fake_hca *hca, enum fake_verb verb);
__printf(2, 3) void fake_complain(struct fake_hca *hca, const char *fmt, ...);
unsigned int fake_hca_take_complaints(struct fake_hca *hca);

/* fake_net.c */
struct net_device *fake_net_create(unsigned int net, bool ipv6);
void fake_net_destroy(struct net_device *netdev);
int fake_net_set_ipv4(struct net_device *netdev, unsigned int net, bool alias,
		      unsigned int host);
void fake_net_portal(struct sockaddr_storage *addr, unsigned int net,
		     bool ipv6);
void fake_net_header(union rdma_network_hdr *hdr, unsigned int net, bool ipv6);
void fake_net_move_portal(struct net_device *netdev, unsigned int net,
			  bool ipv6);
void fake_net_fail_over(struct net_device *netdev);

/* fake_dma.c */
int fake_dma_attach(struct fake_hca *hca, struct device *dev);
void fake_dma_detach(struct fake_hca *hca, struct device *dev);
void *fake_dma_ptr(struct fake_dma *dma, u64 addr, size_t len,
		   bool device_writes);
bool fake_dma_maps_phys(struct fake_dma *dma, phys_addr_t phys, size_t len);
void fake_dma_complain_leaks(struct fake_hca *hca);

/* fake_mr.c */
extern const struct ib_device_ops fake_mr_ops;
struct ib_mr *fake_mr_create(struct ib_pd *pd, u32 max);
struct fake_mr *fake_mr_find(struct fake_hca *hca, u32 key);
bool fake_mr_register(struct fake_qp *qp, struct fake_wr *wr);
bool fake_mr_invalidate(struct fake_qp *qp, u32 key);
bool fake_mr_usable(struct fake_mr *mr);
bool fake_elem_covers_phys(struct fake_hca *hca,
			   const struct fake_mr_elem *elem, u32 nr,
			   phys_addr_t phys, size_t len);
bool fake_mr_covers_phys(struct fake_hca *hca, struct fake_mr *mr,
			 phys_addr_t phys, size_t len);
bool fake_local(struct fake_qp *qp, const struct ib_sge *sge, void *buf,
		size_t len, bool write);
int fake_rdma(struct fake_qp *qp, u32 rkey, u64 va, void *buf, size_t len,
	      bool write);

/* fake_pi.c */
extern const struct ib_device_ops fake_pi_ops;
void fake_pi_query(const struct fake_hca_config *cfg,
		   struct ib_device_attr *attr);
void fake_pi_free(struct fake_pi *pi);
const char *fake_pi_register(struct fake_qp *qp, struct fake_mr *mr);
u64 fake_pi_wire_length(struct fake_mr *mr);
int fake_pi_rdma(struct fake_hca *hca, struct fake_mr *mr, u64 off, u8 *buf,
		 size_t len, bool write);
bool fake_pi_covers_phys(struct fake_hca *hca, struct fake_mr *mr,
			 phys_addr_t phys, size_t len);

/* fake_cq.c */
extern const struct ib_device_ops fake_cq_ops;
void fake_cq_push(struct fake_cq *cq, const struct fake_cqe *cqe);
void fake_cq_kick(struct fake_cq *cq);
unsigned int fake_cq_purge(struct fake_cq *cq, struct fake_qp *qp);

/* fake_qp.c */
extern const struct ib_device_ops fake_qp_ops;
struct fake_qp *fake_qp_find(struct fake_hca *hca, u32 qpn);
void fake_qp_put(struct fake_qp *qp);
bool fake_qp_verb_fails(struct fake_qp *qp, enum fake_verb verb);
void fake_qp_kick(struct fake_qp *qp);
void fake_qp_push(struct fake_qp *qp, u64 wr_id, enum ib_wc_status status,
		  enum ib_wc_opcode opcode, unsigned int n_slots);
enum ib_wc_opcode fake_wc_opcode(enum ib_wr_opcode opcode);
void fake_qp_flush_rq(struct fake_qp *qp);
void fake_qp_flush_sq(struct fake_qp *qp);
void fake_qp_set_state_locked(struct fake_qp *qp, enum ib_qp_state state);
void fake_qp_set_state(struct fake_qp *qp, enum ib_qp_state state);
void fake_qp_event(struct fake_qp *qp, enum ib_event_type event);
struct fake_pdu *fake_qp_take_pdu(struct fake_qp *qp);

/* fake_send.c */
extern const struct ib_device_ops fake_send_ops;
void fake_qp_run(struct fake_qp *qp);
bool fake_qp_complete(struct fake_qp *qp, enum ib_wc_status status);
unsigned int fake_qp_complete_all(struct fake_qp *qp);
void fake_qp_lose(struct fake_qp *qp);

/* fake_recv.c */
extern const struct ib_device_ops fake_recv_ops;
int fake_qp_deliver(struct fake_qp *qp, const void *data, u32 len, u32 inv_key);
bool fake_qp_fail_recv(struct fake_qp *qp, enum ib_wc_status status);

/* fake_spy.c */
void fake_spy_sent(struct fake_qp *qp, struct fake_wr *wr,
		   const struct fake_pdu *pdu);
void fake_spy_check(struct fake_hca *hca, const u8 *cdb, phys_addr_t phys,
		    size_t len);
int fake_spy_start(struct fake_hca *hca);
void fake_spy_stop(struct fake_hca *hca);

/* fake_reclaim.c */
int fake_reclaim_start(struct fake_hca *hca);
void fake_reclaim_stop(struct fake_hca *hca);
void fake_reclaim_command(void);

/* fake_cm.c */
void fake_cm_init_qp(struct fake_qp *qp);
void fake_cm_fini_qp(struct fake_qp *qp);
void fake_cm_qp_down(struct fake_qp *qp);
bool fake_cm_move(struct fake_qp *qp, enum fake_cm_state from,
		  enum fake_cm_state to);
void fake_cm_reply(struct fake_qp *qp, int status, const void *data, u8 len);
void fake_cm_disconnect(struct fake_qp *qp);
void fake_cm_close(struct fake_qp *qp);
void fake_cm_unreachable(struct fake_qp *qp);
void fake_cm_addr_change(struct fake_qp *qp);

/* fake_iwarp.c */
extern const struct fake_cm fake_iwarp;

/* fake_roce.c */
extern const struct fake_cm fake_roce;
void fake_roce_init(struct fake_hca *hca);
void fake_roce_fini(struct fake_hca *hca);
unsigned int fake_mad_index(__be16 attr_id);
void fake_roce_reject(struct fake_qp *qp, enum ib_cm_rej_reason reason);
void fake_roce_repeat_rep(struct fake_qp *qp);

#endif
