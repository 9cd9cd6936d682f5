// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The fake HCA itself: made for one test, and destroyed with it. Destroying
 * counts what the ULP has left behind and fails the test for each complaint.
 */
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <net/addrconf.h>

#include "fake_parts.h"

/* Networks are numbered through, so that no test meets an earlier one's routes. */
static unsigned int fake_next_net;

/*
 * fake_complain - the ULP did what it must not
 *
 * Context: any, any lock held. The test fails when its HCA is destroyed.
 */
void fake_complain(struct fake_hca *hca, const char *fmt, ...)
{
	static DEFINE_SPINLOCK(lock);
	unsigned long flags;
	unsigned int n;
	va_list args;

	spin_lock_irqsave(&lock, flags);
	n = hca->n_complaints++;
	if (n < ARRAY_SIZE(hca->complaint)) {
		va_start(args, fmt);
		vsnprintf(hca->complaint[n], sizeof(hca->complaint[n]), fmt,
			  args);
		va_end(args);
		pr_err("fake_hca: %s\n", hca->complaint[n]);
	}
	spin_unlock_irqrestore(&lock, flags);
}

/* For tests of the checks: how many there were, which are forgotten. */
unsigned int fake_hca_take_complaints(struct fake_hca *hca)
{
	unsigned int n = hca->n_complaints;

	hca->n_complaints = 0;
	return n;
}

/*
 * fake_verb_fails - count a call, and say whether it is the one to fail
 *
 * Context: any; process if a test has made the verb slow.
 */
bool fake_verb_fails(struct fake_hca *hca, enum fake_verb verb)
{
	int call = atomic_inc_return(&hca->calls);
	int verb_call = atomic_inc_return(&hca->verb_calls[verb]);

	if (hca->slow_verb[verb])
		msleep(hca->slow_verb[verb]);
	return call == hca->fail_call || verb_call == hca->fail_verb[verb];
}

static u32 fake_default(u32 value, u32 otherwise)
{
	return value ? value : otherwise;
}

static int fake_query_device(struct ib_device *ib, struct ib_device_attr *attr,
			     struct ib_udata *udata)
{
	const struct fake_hca_config *cfg = &to_hca(ib)->cfg;

	memset(attr, 0, sizeof(*attr));
	attr->kernel_cap_flags = IBK_LOCAL_DMA_LKEY;
	if (!cfg->no_mem_mgt) {
		attr->device_cap_flags = IB_DEVICE_MEM_MGT_EXTENSIONS;
		attr->max_fast_reg_page_list_len =
			fake_default(cfg->max_pages, 512);
	}
	fake_pi_query(cfg, attr);
	if (cfg->sg_gaps)
		attr->kernel_cap_flags |= IBK_SG_GAPS_REG;
	attr->max_qp_wr = fake_default(cfg->max_qp_wr, 4096);
	attr->max_cqe = fake_default(cfg->max_cqe, 16384);
	attr->max_send_sge = fake_default(cfg->max_send_sge, 8);
	attr->max_recv_sge = fake_default(cfg->max_recv_sge, 4);
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

static int fake_query_port(struct ib_device *ib, u32 port,
			   struct ib_port_attr *attr)
{
	memset(attr, 0, sizeof(*attr));
	attr->gid_tbl_len = to_hca(ib)->cfg.roce ? 16 : 1;
	attr->pkey_tbl_len = to_hca(ib)->cfg.roce;
	attr->ip_gids = to_hca(ib)->cfg.roce;
	attr->max_msg_sz = -1;
	attr->max_mtu = IB_MTU_4096;
	attr->active_mtu = IB_MTU_4096;
	attr->state = to_hca(ib)->port_down ? IB_PORT_DOWN : IB_PORT_ACTIVE;
	attr->phys_state = IB_PORT_PHYS_STATE_LINK_UP;
	attr->port_cap_flags = IB_PORT_CM_SUP;
	attr->active_speed = IB_SPEED_SDR;
	attr->active_width = IB_WIDTH_1X;
	return 0;
}

static int fake_alloc_pd(struct ib_pd *pd, struct ib_udata *udata)
{
	struct fake_hca *hca = to_hca(pd->device);

	fake_reclaim_command();
	if (fake_verb_fails(hca, FAKE_ALLOC_PD))
		return -ENOMEM;
	hca->n_pd++;
	return 0;
}

static int fake_dealloc_pd(struct ib_pd *pd, struct ib_udata *udata)
{
	fake_reclaim_command();
	msleep(to_hca(pd->device)->slow_release);
	to_hca(pd->device)->n_pd--;
	return 0;
}

static const struct ib_device_ops fake_hca_ops = {
	.owner			= THIS_MODULE,
	.driver_id		= RDMA_DRIVER_UNKNOWN,
	.uverbs_abi_ver		= 1,
	.query_device		= fake_query_device,
	.query_port		= fake_query_port,
	.alloc_pd		= fake_alloc_pd,
	.dealloc_pd		= fake_dealloc_pd,
	INIT_RDMA_OBJ_SIZE(ib_pd, fake_pd, ib),
};

static void fake_hca_set_ops(struct fake_hca *hca)
{
	ib_set_device_ops(&hca->ib, &fake_hca_ops);
	ib_set_device_ops(&hca->ib, &fake_mr_ops);
	if (hca->cfg.integrity)
		ib_set_device_ops(&hca->ib, &fake_pi_ops);
	ib_set_device_ops(&hca->ib, &fake_cq_ops);
	ib_set_device_ops(&hca->ib, &fake_qp_ops);
	ib_set_device_ops(&hca->ib, &fake_send_ops);
	ib_set_device_ops(&hca->ib, &fake_recv_ops);
	ib_set_device_ops(&hca->ib, hca->cm->ops);
	hca->ib.ops.driver_id = hca->cfg.driver ?: RDMA_DRIVER_MLX5;
}

static void fake_plain_work(struct work_struct *work)
{
}

static void fake_hca_init(struct fake_hca *hca)
{
	struct ib_device *ib = &hca->ib;

	spin_lock_init(&hca->lock);
	INIT_WORK(&hca->plain_work, fake_plain_work);
	INIT_LIST_HEAD(&hca->qps);
	INIT_LIST_HEAD(&hca->mrs);
	hca->next_key = 0x11223300;
	hca->next_qpn = 0x100;
	hca->cm = hca->cfg.roce ? &fake_roce : &fake_iwarp;
	ib->node_type = hca->cm->node_type;
	ib->phys_port_cnt = 1;
	ib->num_comp_vectors = fake_default(hca->cfg.num_comp_vectors, 2);
	ib->local_dma_lkey = FAKE_LOCAL_LKEY;
	ib->iw_driver_flags = IW_F_NO_PORT_MAP;
	fake_hca_set_ops(hca);
	fake_roce_init(hca);
}

/*
 * On a RoCE device the MAD layer has a PD, a CQ, a QP and mapped receives of its
 * own. What there is after the registration is set aside until the device
 * goes, so that the tests find the ULP's objects alone in the counters.
 */
static void fake_hca_set_aside(struct fake_hca *hca)
{
	unsigned long flags;

	hca->core = (struct fake_counts) {
		hca->n_pd, hca->n_cq, hca->n_qp, hca->dma->live,
	};
	hca->n_pd = 0;
	hca->n_cq = 0;
	hca->n_qp = 0;
	spin_lock_irqsave(&hca->dma->lock, flags);
	hca->dma->live -= hca->core.mappings;
	spin_unlock_irqrestore(&hca->dma->lock, flags);
}

static void fake_hca_take_back(struct fake_hca *hca)
{
	unsigned long flags;

	hca->n_pd += hca->core.pd;
	hca->n_cq += hca->core.cq;
	hca->n_qp += hca->core.qp;
	spin_lock_irqsave(&hca->dma->lock, flags);
	hca->dma->live += hca->core.mappings;
	spin_unlock_irqrestore(&hca->dma->lock, flags);
}

static int fake_hca_register(struct fake_hca *hca)
{
	struct ib_device *ib = &hca->ib;
	int ret;

	addrconf_addr_eui48((u8 *)&ib->node_guid, hca->netdev->dev_addr);
	strscpy(ib->iw_ifname, hca->netdev->name);
	ib->dev.parent = &hca->pdev->dev;
	ret = ib_device_set_netdev(ib, hca->netdev, 1);
	if (!ret)
		ret = ib_register_device(ib, "fake_hca%d", &hca->pdev->dev);
	hca->registered = !ret;
	if (!ret)
		fake_hca_set_aside(hca);
	return ret;
}

/* The device goes away; returns when the ULP has let go of it. */
void fake_hca_unplug(struct fake_hca *hca)
{
	if (!hca->registered)
		return;
	hca->registered = false;
	ib_unregister_device(&hca->ib);
	if (!list_empty(&hca->ib.event_handler_list))
		fake_complain(hca, "somebody still waits for events of a device that is gone");
	fake_hca_take_back(hca);
}

static void fake_hca_complain_leaks(struct fake_hca *hca)
{
	if (hca->n_pd || hca->n_cq || hca->n_qp || hca->n_mr)
		fake_complain(hca, "left behind: %u PDs, %u CQs, %u QPs, %u MRs",
			      hca->n_pd, hca->n_cq, hca->n_qp, hca->n_mr);
	fake_dma_complain_leaks(hca);
}

static void fake_hca_report(struct fake_hca *hca)
{
	unsigned int i;

	for (i = 0; i < hca->n_complaints && i < ARRAY_SIZE(hca->complaint); i++)
		KUNIT_FAIL(hca->test, "fake_hca: %s", hca->complaint[i]);
	if (i < hca->n_complaints)
		KUNIT_FAIL(hca->test, "fake_hca: and %u more",
			   hca->n_complaints - i);
}

static void fake_hca_free(void *data)
{
	struct fake_hca *hca = data;
	struct platform_device *pdev = hca->pdev;
	struct net_device *netdev = hca->netdev;

	fake_hca_unplug(hca);
	fake_roce_fini(hca);
	fake_reclaim_stop(hca);
	fake_spy_stop(hca);
	fake_hca_complain_leaks(hca);
	fake_hca_report(hca);
	fake_dma_detach(hca, &pdev->dev);
	ib_dealloc_device(&hca->ib);
	fake_net_destroy(netdev);
	platform_device_unregister(pdev);
}

/* Before the end of the test, whose other HCAs stay. */
void fake_hca_destroy(struct fake_hca *hca)
{
	kunit_release_action(hca->test, fake_hca_free, hca);
}

/*
 * fake_hca_create - a device of this kind, for as long as the test runs
 *
 * Never returns NULL: the test ends here if it cannot be made.
 */
struct fake_hca *fake_hca_create(struct kunit *test,
				 const struct fake_hca_config *cfg)
{
	struct fake_hca *hca;

	hca = ib_alloc_device(fake_hca, ib);
	KUNIT_ASSERT_NOT_NULL(test, hca);
	hca->test = test;
	hca->cfg = *cfg;
	hca->net = 1 + fake_next_net++ % 250;
	fake_hca_init(hca);
	hca->pdev = platform_device_register_simple("fake_hca",
						    PLATFORM_DEVID_AUTO,
						    NULL, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(hca->pdev));
	KUNIT_ASSERT_EQ(test, fake_dma_attach(hca, &hca->pdev->dev), 0);
	hca->netdev = fake_net_create(hca->net, cfg->ipv6);
	KUNIT_ASSERT_NOT_NULL(test, hca->netdev);
	KUNIT_ASSERT_EQ(test, fake_spy_start(hca), 0);
	ulp_find_text(test, &hca->text);
	KUNIT_ASSERT_EQ(test, fake_reclaim_start(hca), 0);
	KUNIT_ASSERT_EQ(test, fake_hca_register(hca), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test,
							fake_hca_free,
							hca), 0);
	return hca;
}

void fake_hca_port_event(struct fake_hca *hca, enum ib_event_type type)
{
	struct ib_event event = {
		.device = &hca->ib,
		.element.port_num = 1,
		.event = type,
	};

	ib_dispatch_event(&event);
}

/*
 * fake_hca_event - an event of any port, past the RDMA core's cache
 *
 * The core passes on nothing of a port that the device does not have, and of a
 * change of GIDs only what it has seen change.
 */
void fake_hca_event(struct fake_hca *hca, u32 port, enum ib_event_type type)
{
	struct ib_device *ib = &hca->ib;
	struct ib_event event = {
		.device = ib,
		.element.port_num = port,
		.event = type,
	};
	struct ib_event_handler *handler;

	down_read(&ib->event_handler_rwsem);
	list_for_each_entry(handler, &ib->event_handler_list, list)
		handler->handler(handler, &event);
	up_read(&ib->event_handler_rwsem);
}
