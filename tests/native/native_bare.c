// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The HCA without an initiator: one command's work requests over and over, and the
 * receives that their responses take. What the kernel's CQ code, the lean HCA and its
 * target cost is in each figure of the bench; this is how much it is.
 */
#include <linux/ktime.h>
#include <scsi/iscsi_proto.h>
#include <scsi/iser.h>

#include "native.h"

#define BARE_BATCH	32		/* receives that are posted together */
#define BARE_BUF	128

struct bare {
	struct ib_pd		*pd;
	struct ib_cq		*cq;
	struct ib_qp		*qp;
	struct ib_cqe		send_cqe, recv_cqe;
	unsigned int		received, failed;
	u8			request[BARE_BUF];
	u8			response[BARE_BATCH][BARE_BUF];
	struct ib_sge		sge, recv_sge[BARE_BATCH];
	struct ib_reg_wr	reg;
	struct ib_send_wr	send;
	struct ib_recv_wr	recv[BARE_BATCH];
};

static void bare_send_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct bare *bare = cq->cq_context;

	bare->failed += wc->status != IB_WC_SUCCESS;
}

static void bare_recv_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct bare *bare = cq->cq_context;

	bare->failed += wc->status != IB_WC_SUCCESS;
	if (++bare->received % BARE_BATCH == 0)
		ib_post_recv(bare->qp, bare->recv, NULL);
}

/* A registration and a READ. */
static void bare_fill(struct bare *bare)
{
	struct iser_ctrl *iser = (void *)bare->request;
	struct iscsi_scsi_req *cmd = (void *)(iser + 1);
	unsigned int i;

	iser->flags = ISCSI_CTRL | ISER_RSV;
	iser->read_stag = cpu_to_be32(1);
	cmd->opcode = ISCSI_OP_SCSI_CMD;
	cmd->flags = ISCSI_FLAG_CMD_FINAL | ISCSI_FLAG_CMD_READ;
	bare->send_cqe.done = bare_send_done;
	bare->recv_cqe.done = bare_recv_done;
	bare->sge = (struct ib_sge) { (uintptr_t)bare->request, sizeof(*iser) + sizeof(*cmd) };
	bare->send.wr_cqe = &bare->send_cqe;
	bare->send.opcode = IB_WR_SEND;
	bare->send.send_flags = IB_SEND_SIGNALED;
	bare->send.sg_list = &bare->sge;
	bare->send.num_sge = 1;
	bare->reg.wr.opcode = IB_WR_REG_MR;
	bare->reg.wr.next = &bare->send;
	for (i = 0; i < BARE_BATCH; i++) {
		bare->recv_sge[i] = (struct ib_sge) { (uintptr_t)bare->response[i], BARE_BUF };
		bare->recv[i].wr_cqe = &bare->recv_cqe;
		bare->recv[i].sg_list = &bare->recv_sge[i];
		bare->recv[i].num_sge = 1;
		bare->recv[i].next = i + 1 < BARE_BATCH ? &bare->recv[i + 1] : NULL;
	}
}

static void bare_destroy(void *data)
{
	struct bare *bare = data;

	if (!IS_ERR_OR_NULL(bare->qp))
		ib_destroy_qp(bare->qp);
	if (!IS_ERR_OR_NULL(bare->cq))
		ib_free_cq(bare->cq);
	if (!IS_ERR_OR_NULL(bare->pd))
		ib_dealloc_pd(bare->pd);
}

/*
 * native_bare_create - a queue pair of the bench's own
 *
 * Never returns NULL: the test ends here if it fails.
 */
struct bare *native_bare_create(struct kunit *test)
{
	struct lean_hca *hca = native_hca_create(test);
	struct ib_qp_init_attr init = {
		.qp_type = IB_QPT_RC,
		.sq_sig_type = IB_SIGNAL_REQ_WR,
		.cap = { 2 * NATIVE_MAX_DEPTH, 2 * BARE_BATCH, 1, 1 },
	};
	struct ib_qp_attr attr = { .qp_state = IB_QPS_RTS };
	struct bare *bare = kunit_kzalloc(test, sizeof(*bare), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bare);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, bare_destroy, bare));
	bare->pd = ib_alloc_pd(&hca->ib, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(bare->pd));
	bare->cq = ib_alloc_cq(&hca->ib, bare, 4 * NATIVE_MAX_DEPTH, 0, IB_POLL_SOFTIRQ);
	KUNIT_ASSERT_FALSE(test, IS_ERR(bare->cq));
	init.send_cq = bare->cq;
	init.recv_cq = bare->cq;
	bare->qp = ib_create_qp(bare->pd, &init);
	KUNIT_ASSERT_FALSE(test, IS_ERR(bare->qp));
	KUNIT_ASSERT_EQ(test, 0, ib_modify_qp(bare->qp, &attr, IB_QP_STATE));
	bare_fill(bare);
	KUNIT_ASSERT_EQ(test, 0, ib_post_recv(bare->qp, bare->recv, NULL));
	KUNIT_ASSERT_EQ(test, 0, ib_post_recv(bare->qp, bare->recv, NULL));
	return bare;
}

/* As native_cmds_run(), with a struct bare. */
u64 native_bare_run(void *what, unsigned int depth, unsigned int count)
{
	struct bare *bare = what;
	u64 start = ktime_get_ns(), end;
	unsigned int i, n;

	bare->received = 0;
	for (n = 0; n < count; n += depth) {
		local_bh_disable();
		for (i = 0; i < depth; i++)
			ib_post_send(bare->qp, &bare->reg.wr, NULL);
		local_bh_enable();
	}
	end = ktime_get_ns();
	return bare->failed || bare->received != count ? 0 : end - start;
}
