// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * DMA operations of the fake HCA's device, as on a machine with an IOMMU and
 * without coherence. Each mapping gets an address range that nothing else
 * shares, and a shadow of its memory, which is all the device can reach. Data
 * passes between memory and shadow when the mapping is made, synced and undone,
 * and at no other time: a header changed after it was mapped goes out as it
 * was, and data read before the unmapping is stale. A bad address hits nothing.
 *
 * Slots are reused in turn, so that a stale address finds an empty slot rather
 * than its successor.
 */
#include <linux/dma-map-ops.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <rdma/ib_mad.h>

#include "fake_parts.h"

/* Slot in the upper part, offset below: 64 GiB for each mapping. */
#define FAKE_SLOT_SHIFT		36

static struct fake_hca *fake_dma_hca(struct device *dev)
{
	return dev_get_drvdata(dev);
}

static bool fake_dma_to_device(enum dma_data_direction dir)
{
	return dir == DMA_TO_DEVICE || dir == DMA_BIDIRECTIONAL;
}

static bool fake_dma_from_device(enum dma_data_direction dir)
{
	return dir == DMA_FROM_DEVICE || dir == DMA_BIDIRECTIONAL;
}

/* Copies the part [off, off + len) of the mapping; dma->lock is held. */
static void fake_mapping_copy(struct fake_mapping *map, size_t off, size_t len,
			      bool to_shadow)
{
	size_t pos = 0, from, n;
	unsigned int i;
	void *cpu;

	for (i = 0; i < map->nseg; pos += map->seg[i++].len) {
		if (off >= pos + map->seg[i].len || off + len <= pos)
			continue;
		from = max(off, pos);
		n = min(off + len, pos + map->seg[i].len) - from;
		cpu = phys_to_virt(map->seg[i].phys) + (from - pos);
		if (to_shadow)
			memcpy(map->shadow + from, cpu, n);
		else
			memcpy(cpu, map->shadow + from, n);
	}
}

static struct fake_mapping *fake_mapping_find(struct fake_dma *dma, u64 addr,
					      size_t len)
{
	u64 slot = addr >> FAKE_SLOT_SHIFT;
	struct fake_mapping *map;

	lockdep_assert_held(&dma->lock);
	if (!slot || slot >= FAKE_MAPPINGS)
		return NULL;
	map = dma->slot[slot];
	if (!map || addr < map->addr || addr + len > map->addr + map->len)
		return NULL;
	return map;
}

/* An IOMMU keeps the offset within a page; swiotlb only what it is asked to keep. */
static u64 fake_dma_offset(struct fake_dma *dma, phys_addr_t phys)
{
	return dma->bounces ? phys & dma_get_min_align_mask(dma->dev) :
			      offset_in_page(phys);
}

static bool fake_mapping_insert(struct fake_dma *dma, struct fake_mapping *map)
{
	unsigned int i, slot;

	lockdep_assert_held(&dma->lock);
	for (i = 0; i < FAKE_MAPPINGS - 1; i++) {
		slot = 1 + (dma->cursor + i) % (FAKE_MAPPINGS - 1);
		if (dma->slot[slot])
			continue;
		dma->slot[slot] = map;
		dma->cursor = slot;
		dma->live++;
		map->addr = ((u64)slot << FAKE_SLOT_SHIFT) +
			    fake_dma_offset(dma, map->seg[0].phys);
		return true;
	}
	return false;
}

static void fake_mapping_free(struct fake_mapping *map)
{
	if (!map)
		return;
	kvfree(map->shadow);
	kfree(map);
}

/* Makes one mapping of the @nseg pieces; NULL when memory or slots run out. */
static struct fake_mapping *fake_map(struct fake_hca *hca,
				     const struct fake_seg *seg,
				     unsigned int nseg,
				     enum dma_data_direction dir)
{
	struct fake_mapping *map;
	unsigned long flags;
	unsigned int i;
	bool ok;

	map = kzalloc(struct_size(map, seg, nseg), GFP_ATOMIC);
	if (!map)
		return NULL;
	map->nseg = nseg;
	map->dir = dir;
	for (i = 0; i < nseg; i++) {
		map->seg[i] = seg[i];
		map->len += seg[i].len;
	}
	map->shadow = kmalloc(map->len, GFP_ATOMIC);
	if (!map->shadow) {
		kfree(map);
		return NULL;
	}

	spin_lock_irqsave(&hca->dma->lock, flags);
	fake_mapping_copy(map, 0, map->len, true);
	ok = fake_mapping_insert(hca->dma, map);
	spin_unlock_irqrestore(&hca->dma->lock, flags);
	if (ok)
		return map;
	fake_mapping_free(map);
	return NULL;
}

static void fake_unmap(struct fake_hca *hca, dma_addr_t addr, size_t len,
		       enum dma_data_direction dir, bool whole)
{
	struct fake_mapping *map;
	unsigned long flags;

	spin_lock_irqsave(&hca->dma->lock, flags);
	map = fake_mapping_find(hca->dma, addr, 1);
	if (map && map->addr == addr) {
		hca->dma->slot[addr >> FAKE_SLOT_SHIFT] = NULL;
		hca->dma->live--;
		if (fake_dma_from_device(map->dir))
			fake_mapping_copy(map, 0, map->len, false);
	} else {
		map = NULL;
	}
	spin_unlock_irqrestore(&hca->dma->lock, flags);

	if (!map)
		fake_complain(hca, "unmapping %#llx, which is not mapped", addr);
	else if (map->dir != dir || (whole && map->len != len))
		fake_complain(hca, "unmapping %#llx as %zu bytes dir %d, mapped as %zu dir %d",
			      addr, len, dir, map->len, map->dir);
	fake_mapping_free(map);
}

/*
 * The MAD layer's mappings do not count, and do not fail. It is known by their
 * sizes: the two parts of a message that is sent, or a receive with its GRH.
 */
static bool fake_map_fails(struct fake_hca *hca, size_t size)
{
	if (hca->cfg.roce &&
	    (size == IB_MGMT_MAD_HDR || size == IB_MGMT_MAD_DATA ||
	     size == sizeof(struct ib_grh) + IB_MGMT_MAD_SIZE))
		return false;
	return fake_verb_fails(hca, FAKE_DMA_MAP);
}

static dma_addr_t fake_map_phys(struct device *dev, phys_addr_t phys,
				size_t size, enum dma_data_direction dir,
				unsigned long attrs)
{
	struct fake_hca *hca = fake_dma_hca(dev);
	struct fake_seg seg = { phys, size };
	struct fake_mapping *map;

	if (fake_map_fails(hca, size))
		return DMA_MAPPING_ERROR;
	map = fake_map(hca, &seg, 1, dir);
	return map ? map->addr : DMA_MAPPING_ERROR;
}

static void fake_unmap_phys(struct device *dev, dma_addr_t addr, size_t size,
			    enum dma_data_direction dir, unsigned long attrs)
{
	fake_unmap(fake_dma_hca(dev), addr, size, dir, true);
}

/* Counts the elements from @sg on that an IOMMU could join into one range. */
static unsigned int fake_sg_run(struct fake_dma *dma, struct scatterlist *sg,
				unsigned int left)
{
	unsigned int n = 1;

	while (dma->merge && n < left &&
	       IS_ALIGNED(sg->offset + sg->length, PAGE_SIZE) &&
	       !sg_next(sg)->offset) {
		sg = sg_next(sg);
		n++;
	}
	return n;
}

static void fake_unmap_sg(struct device *dev, struct scatterlist *sgl,
			  int nents, enum dma_data_direction dir,
			  unsigned long attrs)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		if (!sg_dma_len(sg))
			break;
		fake_unmap(fake_dma_hca(dev), sg_dma_address(sg),
			   sg_dma_len(sg), dir, true);
		sg_dma_len(sg) = 0;
	}
}

static struct fake_mapping *fake_map_run(struct fake_hca *hca,
					 struct scatterlist *sg, unsigned int n,
					 enum dma_data_direction dir)
{
	struct fake_mapping *map;
	struct fake_seg *seg;
	unsigned int i;

	seg = kcalloc(n, sizeof(*seg), GFP_ATOMIC);
	if (!seg)
		return NULL;
	for (i = 0; i < n; i++, sg = sg_next(sg)) {
		seg[i].phys = sg_phys(sg);
		seg[i].len = sg->length;
	}
	map = fake_map(hca, seg, n, dir);
	kfree(seg);
	return map;
}

static int fake_map_sg(struct device *dev, struct scatterlist *sgl, int nents,
		       enum dma_data_direction dir, unsigned long attrs)
{
	struct scatterlist *sg = sgl, *out = sgl;
	struct fake_hca *hca = fake_dma_hca(dev);
	unsigned int done, run, i, made = 0;
	struct fake_mapping *map;

	if (fake_verb_fails(hca, FAKE_DMA_MAP))
		return -EIO;
	for (done = 0; done < nents; done += run) {
		run = fake_sg_run(hca->dma, sg, nents - done);
		map = fake_map_run(hca, sg, run, dir);
		if (!map)
			goto out_unmap;
		for (i = 0; i < run; i++)
			sg = sg_next(sg);
		sg_dma_address(out) = map->addr;
		sg_dma_len(out) = map->len;
		out = sg_next(out);
		made++;
	}
	if (made < nents)
		sg_dma_len(out) = 0;
	return made;

out_unmap:
	if (made)
		fake_unmap_sg(dev, sgl, made, dir, attrs);
	return -ENOMEM;
}

static void fake_sync(struct device *dev, dma_addr_t addr, size_t size,
		      enum dma_data_direction dir, bool for_device)
{
	struct fake_hca *hca = fake_dma_hca(dev);
	struct fake_mapping *map;
	unsigned long flags;

	spin_lock_irqsave(&hca->dma->lock, flags);
	map = fake_mapping_find(hca->dma, addr, size);
	if (map && for_device && fake_dma_to_device(map->dir))
		fake_mapping_copy(map, addr - map->addr, size, true);
	else if (map && !for_device && fake_dma_from_device(map->dir))
		fake_mapping_copy(map, addr - map->addr, size, false);
	spin_unlock_irqrestore(&hca->dma->lock, flags);
	if (!map)
		fake_complain(hca, "syncing %#llx + %zu, which is not mapped",
			      addr, size);
}

static void fake_sync_for_cpu(struct device *dev, dma_addr_t addr, size_t size,
			      enum dma_data_direction dir)
{
	fake_sync(dev, addr, size, dir, false);
}

static void fake_sync_for_device(struct device *dev, dma_addr_t addr,
				 size_t size, enum dma_data_direction dir)
{
	fake_sync(dev, addr, size, dir, true);
}

static void fake_sync_sg_for_cpu(struct device *dev, struct scatterlist *sgl,
				 int nents, enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i)
		fake_sync(dev, sg_dma_address(sg), sg_dma_len(sg), dir, false);
}

static void fake_sync_sg_for_device(struct device *dev, struct scatterlist *sgl,
				    int nents, enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i)
		fake_sync(dev, sg_dma_address(sg), sg_dma_len(sg), dir, true);
}

/* As swiotlb_max_mapping_size() has it: 128 slots of 2 KiB, less the alignment. */
static size_t fake_max_mapping_size(struct device *dev)
{
	if (!fake_dma_hca(dev)->dma->bounces)
		return SIZE_MAX;
	return SZ_256K - round_up(dma_get_min_align_mask(dev), SZ_2K);
}

static const struct dma_map_ops fake_dma_ops = {
	.max_mapping_size	= fake_max_mapping_size,
	.map_phys		= fake_map_phys,
	.unmap_phys		= fake_unmap_phys,
	.map_sg			= fake_map_sg,
	.unmap_sg		= fake_unmap_sg,
	.sync_single_for_cpu	= fake_sync_for_cpu,
	.sync_single_for_device	= fake_sync_for_device,
	.sync_sg_for_cpu	= fake_sync_sg_for_cpu,
	.sync_sg_for_device	= fake_sync_sg_for_device,
};

/*
 * fake_dma_ptr - where the device finds @len bytes at @addr
 *
 * Returns NULL if they are not in one mapping, or not for this direction.
 */
void *fake_dma_ptr(struct fake_dma *dma, u64 addr, size_t len,
		   bool device_writes)
{
	struct fake_mapping *map;
	unsigned long flags;
	void *ptr = NULL;

	spin_lock_irqsave(&dma->lock, flags);
	map = fake_mapping_find(dma, addr, len);
	if (map && (device_writes ? fake_dma_from_device(map->dir) :
				    fake_dma_to_device(map->dir)))
		ptr = map->shadow + (addr - map->addr);
	spin_unlock_irqrestore(&dma->lock, flags);
	return ptr;
}

/* Is any of the @len bytes of memory at @phys mapped? */
bool fake_dma_maps_phys(struct fake_dma *dma, phys_addr_t phys, size_t len)
{
	struct fake_mapping *map;
	unsigned long flags;
	unsigned int i, k;
	bool found = false;

	spin_lock_irqsave(&dma->lock, flags);
	for (i = 0; i < FAKE_MAPPINGS && !found; i++) {
		map = dma->slot[i];
		for (k = 0; map && k < map->nseg && !found; k++)
			found = phys < map->seg[k].phys + map->seg[k].len &&
				map->seg[k].phys < phys + len;
	}
	spin_unlock_irqrestore(&dma->lock, flags);
	return found;
}

/* For the end of a test, when nothing maps any more. */
void fake_dma_complain_leaks(struct fake_hca *hca)
{
	struct fake_mapping *map;
	unsigned int i;

	for (i = 0; i < FAKE_MAPPINGS; i++) {
		map = hca->dma->slot[i];
		if (!map)
			continue;
		fake_complain(hca, "mapping of %zu bytes, dir %d, never undone",
			      map->len, map->dir);
		hca->dma->slot[i] = NULL;
		fake_mapping_free(map);
	}
	hca->dma->live = 0;
}

int fake_dma_attach(struct fake_hca *hca, struct device *dev)
{
	hca->dma = vzalloc(sizeof(*hca->dma));
	if (!hca->dma)
		return -ENOMEM;
	spin_lock_init(&hca->dma->lock);
	hca->dma->dev = dev;
	hca->dma->merge = hca->cfg.dma_merge;
	hca->dma->bounces = hca->cfg.dma_bounces;
	dev_set_drvdata(dev, hca);
	set_dma_ops(dev, &fake_dma_ops);
	dma_set_max_seg_size(dev, hca->cfg.max_seg_size ?: SZ_2G);
	return dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
}

void fake_dma_detach(struct fake_hca *hca, struct device *dev)
{
	set_dma_ops(dev, NULL);
	vfree(hca->dma);
	hca->dma = NULL;
}
