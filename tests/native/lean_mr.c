// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Memory regions of the lean HCA: the page list that a driver has to fill in for each
 * registration. Nobody reads it.
 */
#include <linux/slab.h>

#include "lean_hca.h"

struct lean_mr {
	struct ib_mr		ib;
	u32			nr, max;
	u64			page[] __counted_by(max);
};

static struct ib_mr *lean_alloc_mr(struct ib_pd *pd, enum ib_mr_type type, u32 max)
{
	struct lean_hca *hca = to_lean(pd->device);
	struct lean_mr *mr;

	if (type != IB_MR_TYPE_MEM_REG)
		return ERR_PTR(-EOPNOTSUPP);
	mr = kvzalloc(struct_size(mr, page, max), GFP_KERNEL);
	if (!mr)
		return ERR_PTR(-ENOMEM);
	mr->max = max;
	hca->next_key += 0x100;
	mr->ib.lkey = hca->next_key;
	mr->ib.rkey = hca->next_key;
	return &mr->ib;
}

static struct ib_mr *lean_get_dma_mr(struct ib_pd *pd, int access)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static struct ib_mr *lean_reg_user_mr(struct ib_pd *pd, u64 start, u64 length, u64 va,
				      int access, struct ib_dmah *dmah,
				      struct ib_udata *udata)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static int lean_dereg_mr(struct ib_mr *ib, struct ib_udata *udata)
{
	kvfree(container_of(ib, struct lean_mr, ib));
	return 0;
}

static int lean_set_page(struct ib_mr *ib, u64 addr)
{
	struct lean_mr *mr = container_of(ib, struct lean_mr, ib);

	if (mr->nr == mr->max)
		return -ENOMEM;
	mr->page[mr->nr++] = addr;
	return 0;
}

static int lean_map_mr_sg(struct ib_mr *ib, struct scatterlist *sg, int nents,
			  unsigned int *offset)
{
	container_of(ib, struct lean_mr, ib)->nr = 0;
	return ib_sg_to_pages(ib, sg, nents, offset, lean_set_page);
}

const struct ib_device_ops lean_mr_ops = {
	.alloc_mr	= lean_alloc_mr,
	.get_dma_mr	= lean_get_dma_mr,
	.reg_user_mr	= lean_reg_user_mr,
	.dereg_mr	= lean_dereg_mr,
	.map_mr_sg	= lean_map_mr_sg,
};
