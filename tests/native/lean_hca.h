/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * An HCA that costs next to nothing, with a target behind it that answers at once.
 *
 * It believes what it is given, moves no data, and completes a work request while
 * that is being posted. What a driver has to do for real is there: a lock around each
 * queue, a ring of completions, a page list filled in for each registration; and the
 * kernel's own CQ code polls it, in softirq.
 *
 *   lean_hca.c	   the device
 *   lean_cq.c	   completion queues
 *   lean_qp.c	   queue pairs: what is posted completes, or is flushed
 *   lean_mr.c	   memory regions, which are page lists and nothing else
 *   lean_cm.c	   iWARP's connection management, which is the driver's
 *   lean_target.c the target
 *
 * There is one queue pair at a time. One lock for all (hca->lock, interrupts off, any
 * context); completion handlers and CM upcalls are called without it.
 */
#ifndef LEAN_HCA_H
#define LEAN_HCA_H

#include <linux/netdevice.h>
#include <rdma/ib_verbs.h>
#include <rdma/iw_cm.h>

struct lean_cq {
	struct ib_cq		ib;
	struct ib_wc		*ring;
	u32			mask;		/* a power of two, less one */
	u32			head, tail;
	bool			armed;
	bool			event_pending;
};

struct lean_recv {
	struct ib_cqe		*cqe;
	void			*buf;
};

struct lean_qp {
	struct ib_qp		ib;
	enum ib_qp_state	state;
	struct lean_recv	*rq;
	u32			rq_mask;	/* a power of two, less one */
	u32			rq_head, rq_tail;
	/* the target's */
	u32			statsn, exp_cmdsn;
	/* the CM's */
	struct iw_cm_id		*cm_id;		/* one reference, while there is one */
	struct work_struct	close_work;
	refcount_t		ref;		/* this one's own, and the iWARP CM's */
	struct completion	unreferenced;
};

struct lean_hca {
	struct ib_device	ib;
	struct net_device	*netdev;
	spinlock_t		lock;		/* see the head of this file */
	struct lean_qp		*qp;		/* the one there is, or NULL */
	u32			next_key;
	u32			next_qpn;

	/* what the target has seen */
	u64			n_commands, n_keys;
	u64			n_lost;		/* responses without a receive */
};

static inline struct lean_hca *to_lean(struct ib_device *ib)
{
	return container_of(ib, struct lean_hca, ib);
}

static inline struct lean_qp *to_lean_qp(struct ib_qp *ib)
{
	return container_of(ib, struct lean_qp, ib);
}

static inline struct lean_cq *to_lean_cq(struct ib_cq *ib)
{
	return container_of(ib, struct lean_cq, ib);
}

/* lean_hca.c */
struct lean_hca *lean_hca_create(void);
void lean_hca_destroy(struct lean_hca *hca);

/* lean_cq.c */
extern const struct ib_device_ops lean_cq_ops;
struct ib_wc *lean_cq_push(struct ib_cq *ib);
void lean_cq_kick(struct ib_cq *ib);

/* lean_qp.c */
extern const struct ib_device_ops lean_qp_ops;
void lean_qp_deliver(struct lean_qp *qp, const void *message, u32 len, u32 inv_key);
void lean_qp_put(struct lean_qp *qp);

/* lean_mr.c */
extern const struct ib_device_ops lean_mr_ops;

/* lean_cm.c */
extern const struct ib_device_ops lean_cm_ops;
void lean_cm_init_qp(struct lean_qp *qp);
void lean_cm_fini_qp(struct lean_qp *qp);
void lean_cm_qp_down(struct lean_qp *qp);

/* lean_target.c */
void lean_target_receive(struct lean_qp *qp, const struct ib_sge *sge);

#endif
