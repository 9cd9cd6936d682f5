// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The devices that Linux has drivers for, by what these say of them (attributes in
 * drivers/infiniband of 7.3): which ones the module takes, and with what. Where a
 * driver passes on what its firmware says, the number is an example, as small as
 * such devices have it.
 *
 * Without fast registration, and so refused: efa, mana, mthca, usnic.
 */
#include <scsi/libiscsi.h>

#include "bed.h"
#include "ulp.h"

static const struct hardware_case {
	const char		*desc;
	struct fake_hca_config	cfg;
	u32			send_wrs;	/* without the drain's */
	u32			can_queue;	/* of 512 tasks */
	u32			send_sges;
	u32			recv_sges;
} hardware_cases[] = {
	{ "bnxt_re",
	  { .driver = RDMA_DRIVER_BNXT_RE,
	    .roce = true, .max_qp_wr = 32767, .max_cqe = 65535, .max_send_sge = 6,
	    .max_recv_sge = 6, .max_pages = 512 }, 1022, 335, 6, 2 },
	{ "cxgb4",
	  { .driver = RDMA_DRIVER_CXGB4,
	    .max_qp_wr = 8189, .max_cqe = 65518, .max_send_sge = 16,
	    .max_recv_sge = 4, .max_pages = 128 }, 1022, 314, 6, 2 },
	{ "cxgb4 without DSGL",
	  { .driver = RDMA_DRIVER_CXGB4,
	    .max_qp_wr = 8189, .max_cqe = 65518, .max_send_sge = 16,
	    .max_recv_sge = 4, .max_pages = 32 }, 1022, 314, 6, 2 },
	{ "erdma",
	  { .driver = RDMA_DRIVER_ERDMA,
	    .max_qp_wr = 8192, .max_cqe = 1048576, .max_send_sge = 6,
	    .max_recv_sge = 1, .max_pages = 512 }, 1022, 314, 6, 1 },
	{ "hfi1",
	  { .driver = RDMA_DRIVER_HFI1,
	    .max_qp_wr = 0x3fff, .max_cqe = 0x2fffff, .max_send_sge = 0x60,
	    .max_recv_sge = 0x60, .max_pages = U32_MAX, .no_inline = true }, 1022, 335, 6, 2 },
	{ "hns",
	  { .driver = RDMA_DRIVER_HNS,
	    .roce = true, .max_qp_wr = 32768, .max_cqe = 4194304, .max_send_sge = 64,
	    .max_recv_sge = 64, .max_pages = 512 }, 1022, 335, 6, 2 },
	{ "ionic",
	  { .driver = RDMA_DRIVER_IONIC,
	    .roce = true, .max_qp_wr = 65535, .max_cqe = 65435, .max_send_sge = 8,
	    .max_recv_sge = 8, .max_pages = 512 }, 1022, 335, 6, 2 },
	{ "irdma, X722",
	  { .driver = RDMA_DRIVER_IRDMA,
	    .max_qp_wr = 895, .max_cqe = 1048574, .max_send_sge = 3,
	    .max_recv_sge = 3, .max_pages = 262144, .inline_refused = true },
	  894, 271, 3, 2 },
	{ "irdma, E810",
	  { .driver = RDMA_DRIVER_IRDMA,
	    .roce = true, .max_qp_wr = 4063, .max_cqe = 1048574, .max_send_sge = 13,
	    .max_recv_sge = 13, .max_pages = 262144 }, 1022, 314, 6, 2 },
	{ "mlx4",
	  { .driver = RDMA_DRIVER_MLX4,
	    .roce = true, .max_qp_wr = 16351, .max_cqe = 4194303, .max_send_sge = 32,
	    .max_recv_sge = 32, .max_pages = 511, .no_inline = true },
	  1022, 335, 6, 2 },
	{ "mlx5",
	  { .driver = RDMA_DRIVER_MLX5,
	    .roce = true, .sg_gaps = true, .max_qp_wr = 8192, .max_cqe = 4194303,
	    .max_send_sge = 30, .max_recv_sge = 32, .max_pages = 65536 },
	  1022, 314, 6, 2 },
	{ "mlx5 with T10-PI",
	  { .driver = RDMA_DRIVER_MLX5,
	    .roce = true, .sg_gaps = true, .max_qp_wr = 8192, .max_cqe = 4194303,
	    .max_send_sge = 30, .max_recv_sge = 32, .max_pages = 65536,
	    .integrity = true, .max_pi_pages = 32768 }, 1022, 157, 6, 2 },
	{ "ocrdma",
	  { .driver = RDMA_DRIVER_OCRDMA,
	    .roce = true, .max_qp_wr = 2048, .max_cqe = 8192, .max_send_sge = 3,
	    .max_recv_sge = 2, .max_pages = 256 }, 1022, 335, 3, 2 },
	{ "qedr",
	  { .driver = RDMA_DRIVER_QEDR,
	    .roce = true, .max_qp_wr = 32767, .max_cqe = 8388480, .max_send_sge = 4,
	    .max_recv_sge = 4, .max_pages = 16384 }, 1022, 335, 4, 2 },
	{ "rxe",
	  { .driver = RDMA_DRIVER_RXE,
	    .roce = true, .max_qp_wr = 1048576, .max_cqe = 32767, .max_send_sge = 32,
	    .max_recv_sge = 32, .max_pages = 512 }, 1022, 314, 6, 2 },
	{ "siw",
	  { .driver = RDMA_DRIVER_SIW,
	    .max_qp_wr = 32768, .max_cqe = 3276800, .max_send_sge = 6,
	    .max_recv_sge = 6, .max_pages = 256, .max_inline = 80 },
	  1022, 335, 6, 2 },
	{ "vmw_pvrdma",
	  { .driver = RDMA_DRIVER_VMW_PVRDMA,
	    .roce = true, .max_qp_wr = 1024, .max_cqe = 8192, .max_send_sge = 8,
	    .max_recv_sge = 8, .max_pages = 128, .no_inline = true },
	  1022, 335, 6, 2 },
};

KUNIT_ARRAY_PARAM_DESC(hardware, hardware_cases, desc);

static void hardware_is_taken(struct kunit *test)
{
	const struct hardware_case *c = test->param_value;
	struct session *s;
	struct bed *bed;
	u32 len, max;

	KUNIT_ASSERT_EQ(test, ulp_set_param(test, "pi_enable", "Y"), 0);
	bed = bed_create(test, &c->cfg);
	s = bed_session(bed, NULL);
	s->cmds_max = 512;
	session_connect(s);
	session_create(s);
	session_bind(s);
	session_login(s);
	session_scan(s);
	KUNIT_EXPECT_EQ(test, s->qp->cap.max_send_wr, c->send_wrs + 1);
	KUNIT_EXPECT_EQ(test, s->qp->cap.max_send_sge, c->send_sges);
	KUNIT_EXPECT_EQ(test, s->qp->cap.max_recv_sge, c->recv_sges);
	KUNIT_EXPECT_EQ(test, s->shost->can_queue, c->can_queue);
	KUNIT_EXPECT_EQ(test, s->shost->virt_boundary_mask,
			c->cfg.sg_gaps ? 0 : SZ_4K - 1);
	/* 1024 sectors, or what the device registers without its first page */
	max = min_t(u64, SZ_512K, (u64)(c->cfg.max_pages - 1) * SZ_4K);
	KUNIT_EXPECT_EQ(test, s->shost->max_sectors * SECTOR_SIZE, max);
	for (len = 512; len <= max; len *= 4) {
		cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = len }));
		cmd_expect_good(cmd_submit(s, &(struct cmd_spec) {
			.len = len, .write = true }));
	}
	bed_expect_conn_errors(bed, 0);
}

static struct kunit_case ib_iser_hardware_cases[] = {
	KUNIT_CASE_PARAM(hardware_is_taken, hardware_gen_params),
	{}
};

static struct kunit_suite ib_iser_hardware_suite = {
	.name = "ib_iser_hardware",
	.test_cases = ib_iser_hardware_cases,
};

kunit_test_suite(ib_iser_hardware_suite);
