/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the parts of the fake HCA (fake_hca.h lists them) know of each other, and
 * tests need not: its objects, and what is done to them.
 */
#ifndef FAKE_PARTS_H
#define FAKE_PARTS_H

#include <linux/dma-direction.h>

#include "fake_hca.h"

#define FAKE_MAX_SGE		16
#define FAKE_MAX_INLINE		128
#define FAKE_LOCAL_LKEY		0x00f00d00

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
	bool			is_inline;	/* it is here, and needs no memory */
	u32			inline_len;
	u8			inline_data[FAKE_MAX_INLINE];
	bool			has_cdb;	/* SCSI Command or its Data-Out */
	u8			cdb[FAKE_CDB_LEN];
};

struct fake_recv {
	struct list_head	node;		/* qp->rq */
	u64			wr_id;
	unsigned int		num_sge;
	struct ib_sge		sge[FAKE_MAX_SGE];
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
bool fake_verb_fails(struct fake_hca *hca, enum fake_verb verb);

/* fake_net.c */
struct net_device *fake_net_create(unsigned int net, bool ipv6);
void fake_net_destroy(struct net_device *netdev);
void fake_net_header(union rdma_network_hdr *hdr, unsigned int net, bool ipv6);

/* fake_dma.c */
int fake_dma_attach(struct fake_hca *hca, struct device *dev);
void fake_dma_detach(struct fake_hca *hca, struct device *dev);
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
bool fake_qp_verb_fails(struct fake_qp *qp, enum fake_verb verb);
void fake_qp_push(struct fake_qp *qp, u64 wr_id, enum ib_wc_status status,
		  enum ib_wc_opcode opcode, unsigned int n_slots);
enum ib_wc_opcode fake_wc_opcode(enum ib_wr_opcode opcode);
void fake_qp_flush_rq(struct fake_qp *qp);
void fake_qp_flush_sq(struct fake_qp *qp);
void fake_qp_set_state_locked(struct fake_qp *qp, enum ib_qp_state state);

/* fake_send.c */
extern const struct ib_device_ops fake_send_ops;

/* fake_recv.c */
extern const struct ib_device_ops fake_recv_ops;

/* fake_spy.c */
void fake_spy_sent(struct fake_qp *qp, struct fake_wr *wr,
		   const struct fake_pdu *pdu);
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

/* fake_iwarp.c */
extern const struct fake_cm fake_iwarp;

/* fake_roce.c */
extern const struct fake_cm fake_roce;
void fake_roce_init(struct fake_hca *hca);
void fake_roce_fini(struct fake_hca *hca);

#endif
