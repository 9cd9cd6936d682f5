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
 * Here is what tests do with it, and see of it; fake_parts.h has the rest.
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
#include <linux/in6.h>
#include <linux/netdevice.h>
#include <linux/platform_device.h>
#include <rdma/ib_cm.h>
#include <rdma/ib_verbs.h>
#include <rdma/iw_cm.h>

#include "ulp.h"

#define FAKE_MAX_CONNECT_DATA	128
#define FAKE_CDB_LEN		16
#define FAKE_ITTS		512

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
	bool	dma_bounces;		/* swiotlb, as in a confidential guest */
	u32	max_seg_size;		/* 2 GiB, of an element */
	u32	max_qp_wr;		/* 4096 */
	u32	max_cqe;		/* 16384 */
	u32	max_send_sge;		/* 8 */
	u32	max_recv_sge;		/* 4 */
	u32	max_inline;		/* 128, bytes of inline data */
	enum rdma_driver_id driver;	/* RDMA_DRIVER_MLX5 */
	bool	no_inline;		/* gives 0 to who asks */
	bool	inline_refused;		/* -EINVAL for who asks */
	u32	max_pages;		/* 512, of a fast registration */
	u32	num_comp_vectors;	/* 2 */
	bool	integrity;		/* IBK_INTEGRITY_HANDOVER */
	u32	prot_caps;		/* all IB_PROT_T10DIF_TYPE_* */
	u32	guard_caps;		/* all IB_GUARD_T10DIF_* */
	u32	max_pi_pages;		/* 256, of an integrity registration */
};

#define FAKE_MAPPINGS	8192

struct fake_dma {
	spinlock_t		lock;		/* for all of this */
	struct device		*dev;
	bool			merge, bounces;
	unsigned int		live;		/* mappings now */
	unsigned int		cursor;		/* last slot given; slots are reused late */
	struct fake_mapping	*slot[FAKE_MAPPINGS];
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
	struct list_head	lost, lost_recvs; /* see fake_qp_lose() */
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
	u8			timeout, retry_cnt; /* in RTS */

	u8			cdb[FAKE_ITTS][FAKE_CDB_LEN]; /* last sent, by ITT */
	/* the target's */
	u32			statsn, exp_cmdsn;
	u32			unsolicited;	/* bytes in Data-Out PDUs */
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
	struct work_struct	plain_work;	/* see fake_destroy_qp() */

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
	bool			hold_events;		/* late interrupts, the CM's excepted */
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

	/* before a queue pair is changed or destroyed; may sleep */
	void			(*in_teardown)(struct fake_hca *hca);
	void			*in_teardown_priv;

	/* failures by count */
	atomic_t		calls;
	int			fail_call;		/* of all verbs, from 1; 0 none */
	atomic_t		verb_calls[FAKE_NR_VERBS];
	int			fail_verb[FAKE_NR_VERBS];
	int			fail_send_wr;		/* nth WR of the next lists */
	bool			fail_late;		/* the next post, when all is queued */
	unsigned int		slow_release;		/* ms */
	unsigned int		slow_verb[FAKE_NR_VERBS]; /* ms; of those that may sleep */

	unsigned int		n_complaints;
	char			complaint[8][160];
};

/* fake_hca.c */
struct fake_hca *fake_hca_create(struct kunit *test,
				 const struct fake_hca_config *cfg);
void fake_hca_destroy(struct fake_hca *hca);
void fake_hca_unplug(struct fake_hca *hca);
void fake_hca_port_event(struct fake_hca *hca, enum ib_event_type event);
void fake_hca_event(struct fake_hca *hca, u32 port, enum ib_event_type event);
__printf(2, 3) void fake_complain(struct fake_hca *hca, const char *fmt, ...);
unsigned int fake_hca_take_complaints(struct fake_hca *hca);

/* fake_net.c */
int fake_net_set_ipv4(struct net_device *netdev, unsigned int net, bool alias,
		      unsigned int host);
void fake_net_portal(struct sockaddr_storage *addr, unsigned int net,
		     bool ipv6);
void fake_net_move_portal(struct net_device *netdev, unsigned int net,
			  bool ipv6);
void fake_net_fail_over(struct net_device *netdev);

/* fake_dma.c */
void *fake_dma_ptr(struct fake_dma *dma, u64 addr, size_t len,
		   bool device_writes);

/* fake_mr.c */
int fake_rdma(struct fake_qp *qp, u32 rkey, u64 va, void *buf, size_t len,
	      bool write);

/* fake_qp.c */
struct fake_qp *fake_qp_find(struct fake_hca *hca, u32 qpn);
void fake_qp_put(struct fake_qp *qp);
void fake_qp_kick(struct fake_qp *qp);
void fake_qp_set_state(struct fake_qp *qp, enum ib_qp_state state);
void fake_qp_event(struct fake_qp *qp, enum ib_event_type event);
struct fake_pdu *fake_qp_take_pdu(struct fake_qp *qp);

/* fake_send.c */
void fake_qp_run(struct fake_qp *qp);
bool fake_qp_complete(struct fake_qp *qp, enum ib_wc_status status);
unsigned int fake_qp_complete_all(struct fake_qp *qp);
void fake_qp_lose(struct fake_qp *qp);
void fake_qp_lose_recvs(struct fake_qp *qp);

/* fake_recv.c */
int fake_qp_deliver(struct fake_qp *qp, const void *data, u32 len, u32 inv_key);
bool fake_qp_fail_recv(struct fake_qp *qp, enum ib_wc_status status);
void fake_qp_write_imm(struct fake_qp *qp, u32 len);

/* fake_spy.c */
void fake_spy_check(struct fake_hca *hca, const u8 *cdb, phys_addr_t phys,
		    size_t len);

/* fake_cm.c */
void fake_cm_reply(struct fake_qp *qp, int status, const void *data, u8 len);
void fake_cm_disconnect(struct fake_qp *qp);
void fake_cm_close(struct fake_qp *qp);
void fake_cm_unreachable(struct fake_qp *qp);
void fake_cm_addr_change(struct fake_qp *qp);

/* fake_roce.c */
unsigned int fake_mad_index(__be16 attr_id);
void fake_roce_reject(struct fake_qp *qp, enum ib_cm_rej_reason reason);
void fake_roce_repeat_rep(struct fake_qp *qp);

#endif
