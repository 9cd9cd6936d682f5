// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The lean HCA's device, over the dummy0 that got its address from the kernel's
 * command line. It has no DMA device: addresses are pointers, as in soft RoCE.
 */
#include <linux/etherdevice.h>
#include <net/addrconf.h>

#include "lean_hca.h"

static int lean_query_device(struct ib_device *ib, struct ib_device_attr *attr,
			     struct ib_udata *udata)
{
	memset(attr, 0, sizeof(*attr));
	attr->kernel_cap_flags = IBK_LOCAL_DMA_LKEY;
	attr->device_cap_flags = IB_DEVICE_MEM_MGT_EXTENSIONS;
	attr->max_fast_reg_page_list_len = 512;
	attr->max_qp_wr = 4096;
	attr->max_cqe = 16384;
	attr->max_send_sge = 8;
	attr->max_recv_sge = 4;
	attr->max_sge_rd = 1;
	attr->max_cq = 64;
	attr->max_mr = 65536;
	attr->max_mr_size = ~0ull;
	attr->max_pd = 64;
	attr->max_qp = 64;
	attr->max_qp_rd_atom = 16;
	attr->max_qp_init_rd_atom = 16;
	attr->page_size_cap = ~0ull & PAGE_MASK;
	return 0;
}

static int lean_query_port(struct ib_device *ib, u32 port, struct ib_port_attr *attr)
{
	memset(attr, 0, sizeof(*attr));
	attr->gid_tbl_len = 1;
	attr->max_msg_sz = -1;
	attr->max_mtu = IB_MTU_4096;
	attr->active_mtu = IB_MTU_4096;
	attr->state = IB_PORT_ACTIVE;
	attr->phys_state = IB_PORT_PHYS_STATE_LINK_UP;
	attr->active_speed = IB_SPEED_SDR;
	attr->active_width = IB_WIDTH_1X;
	return 0;
}

static int lean_alloc_pd(struct ib_pd *pd, struct ib_udata *udata)
{
	return 0;
}

static int lean_dealloc_pd(struct ib_pd *pd, struct ib_udata *udata)
{
	return 0;
}

struct lean_pd {
	struct ib_pd		ib;
};

static const struct ib_device_ops lean_hca_ops = {
	.owner			= THIS_MODULE,
	/* one of those whose SENDs may be inline */
	.driver_id		= RDMA_DRIVER_MLX5,
	.uverbs_abi_ver		= 1,
	.query_device		= lean_query_device,
	.query_port		= lean_query_port,
	.alloc_pd		= lean_alloc_pd,
	.dealloc_pd		= lean_dealloc_pd,
	INIT_RDMA_OBJ_SIZE(ib_pd, lean_pd, ib),
};

static int lean_hca_register(struct lean_hca *hca)
{
	struct ib_device *ib = &hca->ib;
	int ret;

	spin_lock_init(&hca->lock);
	hca->next_key = 0x11223300;
	hca->next_qpn = 0x100;
	ib->node_type = RDMA_NODE_RNIC;
	ib->phys_port_cnt = 1;
	ib->num_comp_vectors = 1;
	ib->local_dma_lkey = 1;
	ib->iw_driver_flags = IW_F_NO_PORT_MAP;
	strscpy(ib->iw_ifname, hca->netdev->name);
	addrconf_addr_eui48((u8 *)&ib->node_guid, hca->netdev->dev_addr);
	ib_set_device_ops(ib, &lean_hca_ops);
	ib_set_device_ops(ib, &lean_cq_ops);
	ib_set_device_ops(ib, &lean_qp_ops);
	ib_set_device_ops(ib, &lean_mr_ops);
	ib_set_device_ops(ib, &lean_cm_ops);
	ret = ib_device_set_netdev(ib, hca->netdev, 1);
	return ret ? ret : ib_register_device(ib, "lean%d", NULL);
}

/* Returns NULL if it cannot be made. */
struct lean_hca *lean_hca_create(void)
{
	struct lean_hca *hca = ib_alloc_device(lean_hca, ib);

	if (!hca)
		return NULL;
	hca->netdev = dev_get_by_name(&init_net, "dummy0");
	if (hca->netdev && !lean_hca_register(hca))
		return hca;
	dev_put(hca->netdev);
	ib_dealloc_device(&hca->ib);
	return NULL;
}

void lean_hca_destroy(struct lean_hca *hca)
{
	ib_unregister_device(&hca->ib);
	dev_put(hca->netdev);
	ib_dealloc_device(&hca->ib);
}
