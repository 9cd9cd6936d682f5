// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Memory regions of the fake HCA. A region is registered when its REG_MR is
 * executed and can be reached with its key until a LOCAL_INV is executed or the
 * far end invalidates it. An access is checked in this order: key, state, a
 * queue pair of the same domain that is alive, rights, range, mapping.
 *
 * Stricter than most devices: a region may not be mapped anew while its key is
 * valid, and may not be registered twice under the same key.
 */
#include <linux/slab.h>

#include "fake_parts.h"

struct ib_mr *fake_mr_create(struct ib_pd *pd, u32 max)
{
	struct fake_hca *hca = to_hca(pd->device);
	unsigned long flags;
	struct fake_mr *mr;

	mr = kzalloc_obj(*mr, GFP_KERNEL);
	if (!mr)
		return ERR_PTR(-ENOMEM);
	mr->max = max;
	mr->elem = kvcalloc(max, sizeof(*mr->elem), GFP_KERNEL);
	if (max && !mr->elem) {
		kfree(mr);
		return ERR_PTR(-ENOMEM);
	}
	mr->ib.device = pd->device;
	mr->ib.pd = pd;
	spin_lock_irqsave(&hca->lock, flags);
	hca->next_key += 0x100;
	mr->ib.lkey = hca->next_key;
	mr->ib.rkey = hca->next_key;
	list_add_tail(&mr->node, &hca->mrs);
	hca->n_mr++;
	spin_unlock_irqrestore(&hca->lock, flags);
	return &mr->ib;
}

static struct ib_mr *fake_alloc_mr(struct ib_pd *pd, enum ib_mr_type type,
				   u32 max)
{
	struct fake_hca *hca = to_hca(pd->device);

	if (fake_verb_fails(hca, FAKE_ALLOC_MR))
		return ERR_PTR(-ENOMEM);
	if (max > hca->ib.attrs.max_fast_reg_page_list_len || hca->cfg.no_mem_mgt)
		return ERR_PTR(-EINVAL);
	if (type == IB_MR_TYPE_SG_GAPS ? !hca->cfg.sg_gaps :
					 type != IB_MR_TYPE_MEM_REG)
		return ERR_PTR(-EOPNOTSUPP);
	return fake_mr_create(pd, max);
}

static struct ib_mr *fake_get_dma_mr(struct ib_pd *pd, int access)
{
	struct fake_hca *hca = to_hca(pd->device);

	if (access & (IB_ACCESS_REMOTE_READ | IB_ACCESS_REMOTE_WRITE))
		fake_complain(hca, "all of memory opened to the far end");
	return ERR_PTR(-EOPNOTSUPP);
}

static struct ib_mr *fake_reg_user_mr(struct ib_pd *pd, u64 start, u64 length,
				      u64 va, int access, struct ib_dmah *dmah,
				      struct ib_udata *udata)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static int fake_dereg_mr(struct ib_mr *ib, struct ib_udata *udata)
{
	struct fake_hca *hca = to_hca(ib->device);
	struct fake_mr *mr = to_fmr(ib);
	unsigned long flags;

	fake_reclaim_command();
	spin_lock_irqsave(&hca->lock, flags);
	list_del(&mr->node);
	hca->n_mr--;
	spin_unlock_irqrestore(&hca->lock, flags);
	fake_pi_free(mr->pi);
	kvfree(mr->elem);
	kfree(mr);
	return 0;
}

static int fake_set_page(struct ib_mr *ib, u64 addr)
{
	struct fake_mr *mr = to_fmr(ib);

	if (mr->nr == mr->max)
		return -ENOMEM;
	mr->elem[mr->nr].addr = addr;
	mr->elem[mr->nr++].len = ib->page_size;
	return 0;
}

static int fake_map_gaps(struct fake_mr *mr, struct scatterlist *sgl, int nents)
{
	struct scatterlist *sg;
	int i;

	mr->ib.iova = sg_dma_address(sgl);
	mr->ib.length = 0;
	for_each_sg(sgl, sg, nents, i) {
		if (mr->nr == mr->max)
			break;
		mr->elem[mr->nr].addr = sg_dma_address(sg);
		mr->elem[mr->nr++].len = sg_dma_len(sg);
		mr->ib.length += sg_dma_len(sg);
	}
	return i;
}

static int fake_map_mr_sg(struct ib_mr *ib, struct scatterlist *sg, int nents,
			  unsigned int *offset)
{
	struct fake_hca *hca = to_hca(ib->device);
	struct fake_mr *mr = to_fmr(ib);

	if (fake_verb_fails(hca, FAKE_MAP_MR))
		return hca->short_map ? nents - 1 : -EIO;
	if (fake_mr_usable(mr))
		fake_complain(hca, "region %#x mapped anew while its key is valid",
			      mr->key);
	mr->nr = 0;
	if (ib->type == IB_MR_TYPE_SG_GAPS)
		return fake_map_gaps(mr, sg, nents);
	return ib_sg_to_pages(ib, sg, nents, offset, fake_set_page);
}

/* Is there a queue pair through which the far end can reach this domain? */
static bool fake_pd_alive(struct fake_hca *hca, struct ib_pd *pd)
{
	struct fake_qp *qp;

	list_for_each_entry(qp, &hca->qps, node)
		if (qp->ib.pd == pd && qp->state != IB_QPS_ERR &&
		    qp->state != IB_QPS_RESET)
			return true;
	return false;
}

/* Can anybody use this region's key? hca->lock may be held or not. */
bool fake_mr_usable(struct fake_mr *mr)
{
	return mr->state == FAKE_MR_VALID &&
	       fake_pd_alive(to_hca(mr->ib.device), mr->ib.pd);
}

struct fake_mr *fake_mr_find(struct fake_hca *hca, u32 key)
{
	struct fake_mr *mr;

	lockdep_assert_held(&hca->lock);
	list_for_each_entry(mr, &hca->mrs, node)
		if (mr->was_registered && mr->key == key)
			return mr;
	return NULL;
}

static const char *fake_register_error(struct fake_qp *qp, struct fake_wr *wr)
{
	bool integrity = wr->opcode == IB_WR_REG_MR_INTEGRITY;
	struct fake_mr *mr = wr->mr;

	if (mr->ib.pd != qp->ib.pd)
		return "another protection domain";
	if (mr->state != FAKE_MR_FREE)
		return "still valid";
	if (integrity != !!mr->pi)
		return "not for this kind of region";
	if ((wr->key ^ mr->ib.lkey) & ~0xff)
		return "key of another region";
	if (mr->was_registered && wr->key == mr->key)
		return "same key as before";
	if (!mr->nr || !mr->ib.length)
		return "nothing mapped";
	if ((wr->access & IB_ACCESS_REMOTE_WRITE) &&
	    !(wr->access & IB_ACCESS_LOCAL_WRITE))
		return "remote write without local write";
	return mr->pi ? fake_pi_register(qp, mr) : NULL;
}

/*
 * fake_mr_register - execute a REG_MR; hca->lock is held
 *
 * Returns false if it is in error, which a test never wants.
 */
bool fake_mr_register(struct fake_qp *qp, struct fake_wr *wr)
{
	const char *error = fake_register_error(qp, wr);
	struct fake_mr *mr = wr->mr;

	if (error) {
		fake_complain(qp->hca, "REG_MR %#x: %s", wr->key, error);
		return false;
	}
	mr->key = wr->key;
	mr->was_registered = true;
	mr->state = FAKE_MR_VALID;
	mr->access = wr->access;
	mr->iova = mr->ib.iova;
	mr->length = mr->pi ? fake_pi_wire_length(mr) : mr->ib.length;
	mr->advertised = false;
	return true;
}

/*
 * fake_mr_invalidate - execute a LOCAL_INV, or the far end's wish
 *
 * Returns false if there is no such valid key in the queue pair's domain; siw does
 * not look whether it is valid. hca->lock is held.
 */
bool fake_mr_invalidate(struct fake_qp *qp, u32 key)
{
	bool siw = qp->hca->cfg.driver == RDMA_DRIVER_SIW;
	struct fake_mr *mr = fake_mr_find(qp->hca, key);

	if (!mr || mr->ib.pd != qp->ib.pd || (mr->state != FAKE_MR_VALID && !siw))
		return false;
	mr->state = FAKE_MR_FREE;
	return true;
}

/* Offset in the region to the address for DMA; *len is cut to one element. */
static u64 fake_mr_addr(struct fake_mr *mr, u64 off, size_t *len)
{
	unsigned int i;
	u64 first = 0;

	/* pages: the region begins inside the first one */
	if (mr->ib.type != IB_MR_TYPE_SG_GAPS)
		off += mr->iova & (mr->ib.page_size - 1);
	for (i = 0; i < mr->nr; first += mr->elem[i++].len) {
		if (off >= first + mr->elem[i].len)
			continue;
		*len = min_t(u64, *len, first + mr->elem[i].len - off);
		return mr->elem[i].addr + (off - first);
	}
	*len = 0;
	return 0;
}

static int fake_rdma_check(struct fake_qp *qp, struct fake_mr *mr, u64 va,
			   size_t len, bool write)
{
	int need = write ? IB_ACCESS_REMOTE_WRITE : IB_ACCESS_REMOTE_READ;

	if (!mr)
		return -ENOKEY;
	if (mr->state != FAKE_MR_VALID)
		return -EKEYREVOKED;
	if (mr->ib.pd != qp->ib.pd || qp->state == IB_QPS_ERR ||
	    qp->state == IB_QPS_RESET)
		return -EKEYREJECTED;
	if (!(mr->access & need))
		return -EACCES;
	if (va < mr->iova || va - mr->iova > mr->length ||
	    len > mr->length - (va - mr->iova))
		return -ERANGE;
	return 0;
}

/* Moves @len bytes at @va of the region; hca->lock is held. */
static int fake_mr_copy(struct fake_hca *hca, struct fake_mr *mr, u64 va,
			void *buf, size_t len, bool write)
{
	void *ptr;
	u64 addr;
	size_t n;

	for (; len; len -= n, va += n, buf += n) {
		n = len;
		addr = fake_mr_addr(mr, va - mr->iova, &n);
		ptr = fake_dma_ptr(hca->dma, addr, n, write);
		if (!ptr) {
			fake_complain(hca, "region %#x points where nothing is mapped",
				      mr->key);
			return -EFAULT;
		}
		if (write)
			memcpy(ptr, buf, n);
		else
			memcpy(buf, ptr, n);
	}
	return 0;
}

/*
 * fake_rdma - the far end's RDMA Read or Write
 *
 * Returns 0, or why the HCA refuses: -ENOKEY no such key, -EKEYREVOKED
 * invalidated, -EKEYREJECTED not on this connection, -EACCES no such right,
 * -ERANGE outside, -EFAULT not mapped for DMA (which is also a complaint).
 */
int fake_rdma(struct fake_qp *qp, u32 rkey, u64 va, void *buf, size_t len,
	      bool write)
{
	struct fake_hca *hca = qp->hca;
	unsigned long flags;
	struct fake_mr *mr;
	int ret;

	spin_lock_irqsave(&hca->lock, flags);
	mr = fake_mr_find(hca, rkey);
	ret = fake_rdma_check(qp, mr, va, len, write);
	if (!ret && mr->pi)
		ret = fake_pi_rdma(hca, mr, va - mr->iova, buf, len, write);
	else if (!ret)
		ret = fake_mr_copy(hca, mr, va, buf, len, write);
	spin_unlock_irqrestore(&hca->lock, flags);
	return ret;
}

static bool fake_local_may(struct fake_qp *qp, struct fake_mr *mr,
			   const struct ib_sge *sge, bool write)
{
	return mr && mr->state == FAKE_MR_VALID && mr->ib.pd == qp->ib.pd &&
	       !mr->pi && (!write || (mr->access & IB_ACCESS_LOCAL_WRITE)) &&
	       sge->addr >= mr->iova &&
	       sge->addr - mr->iova + sge->length <= mr->length;
}

/*
 * fake_local - move data through one element of a scatter list
 *
 * By the lkey that leads to all that is mapped, or by a region's. What the key
 * does not allow is a complaint. hca->lock is held.
 */
bool fake_local(struct fake_qp *qp, const struct ib_sge *sge, void *buf,
		size_t len, bool write)
{
	struct fake_hca *hca = qp->hca;
	struct fake_mr *mr;
	void *ptr = NULL;

	if (sge->lkey == FAKE_LOCAL_LKEY) {
		ptr = fake_dma_ptr(hca->dma, sge->addr, len, write);
		if (ptr)
			memcpy(write ? ptr : buf, write ? buf : ptr, len);
	} else {
		mr = fake_mr_find(hca, sge->lkey);
		if (fake_local_may(qp, mr, sge, write))
			return !fake_mr_copy(hca, mr, sge->addr, buf, len, write);
	}
	if (!ptr)
		fake_complain(hca, "element %#llx + %u, lkey %#x: no access to %s it",
			      sge->addr, sge->length, sge->lkey,
			      write ? "write" : "read");
	return ptr;
}

/* Do the elements lead to any of the @len bytes of memory at @phys? */
bool fake_elem_covers_phys(struct fake_hca *hca,
			   const struct fake_mr_elem *elem, u32 nr,
			   phys_addr_t phys, size_t len)
{
	struct fake_mapping *map;
	unsigned int i, k;
	u64 slot;

	for (i = 0; i < nr; i++) {
		slot = elem[i].addr >> 36;
		map = slot < FAKE_MAPPINGS ? hca->dma->slot[slot] : NULL;
		for (k = 0; map && k < map->nseg; k++)
			if (phys < map->seg[k].phys + map->seg[k].len &&
			    map->seg[k].phys < phys + len)
				return true;
	}
	return false;
}

bool fake_mr_covers_phys(struct fake_hca *hca, struct fake_mr *mr,
			 phys_addr_t phys, size_t len)
{
	return fake_elem_covers_phys(hca, mr->elem, mr->nr, phys, len) ||
	       (mr->pi && fake_pi_covers_phys(hca, mr, phys, len));
}

const struct ib_device_ops fake_mr_ops = {
	.alloc_mr	= fake_alloc_mr,
	.get_dma_mr	= fake_get_dma_mr,
	.reg_user_mr	= fake_reg_user_mr,
	.dereg_mr	= fake_dereg_mr,
	.map_mr_sg	= fake_map_mr_sg,
};
