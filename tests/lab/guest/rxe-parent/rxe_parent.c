// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Hangs each soft RDMA device below the network card that it uses, where a real
 * one hangs, for as long as the device lives.
 */
#include <linux/module.h>
#include <linux/netdevice.h>
#include <rdma/ib_verbs.h>

static int rxe_parent_add(struct ib_device *ibdev)
{
	struct net_device *netdev = ib_device_get_netdev(ibdev, 1);
	int err;

	if (!netdev)
		return -ENODEV;
	err = device_move(&ibdev->dev, netdev->dev.parent, DPM_ORDER_NONE);
	dev_put(netdev);
	return err;
}

static struct ib_client rxe_parent_client = {
	.name = "rxe_parent",
	.add = rxe_parent_add,
};

static int __init rxe_parent_init(void)
{
	return ib_register_client(&rxe_parent_client);
}

static void __exit rxe_parent_exit(void)
{
	ib_unregister_client(&rxe_parent_client);
}

module_init(rxe_parent_init);
module_exit(rxe_parent_exit);
MODULE_DESCRIPTION("A parent for soft RDMA devices");
MODULE_LICENSE("Dual BSD/GPL");
