// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Integrity regions of the fake HCA: T10 protection information is checked,
 * inserted, stripped and converted while data passes through them.
 *
 * A region has two lists, data and protection, and two domains. The wire domain
 * is the stream that the far end sees: blocks, each with its eight bytes behind
 * it if the domain has them. The memory domain is what lies in the lists. A
 * block is checked as it comes in (from the wire for an RDMA Write, from memory
 * for an RDMA Read), by the bytes that check_mask names, unless its tags say
 * that it is not to be. What the other domain wants is then copied where both
 * agree on how it is made, and generated where they do not.
 *
 * As devices do, it keeps a running state: a region is passed through once, from
 * its first byte to its last. The first error is kept until somebody asks for
 * it, and registering a region again before anybody has is a complaint.
 */
#include <linux/crc-t10dif.h>
#include <linux/slab.h>
#include <linux/t10-pi.h>
#include <net/checksum.h>

#include "fake_parts.h"

#define FAKE_PI_IOVA		0xfeedf00d0200ull
#define FAKE_PI_MAX_INTERVAL	4096
#define FAKE_PI_LEN		sizeof(struct t10_pi_tuple)

struct fake_pi {
	u32			max_meta, nr_meta;
	struct fake_mr_elem	*meta;
	u64			data_len, meta_len;
	bool			unchecked;	/* used since anybody asked */
	bool			failed;
	struct ib_sig_err	err;
	/* as of the last registration */
	struct ib_sig_attrs	attrs;
	u32			interval;
	u32			wire_block;	/* interval, and what is behind it */
	u64			pos;		/* bytes of the wire passed */
	u8			block[FAKE_PI_MAX_INTERVAL + FAKE_PI_LEN];
};

void fake_pi_query(const struct fake_hca_config *cfg, struct ib_device_attr *attr)
{
	if (!cfg->integrity)
		return;
	attr->kernel_cap_flags |= IBK_INTEGRITY_HANDOVER;
	attr->sig_prot_cap = cfg->prot_caps ?: IB_PROT_T10DIF_TYPE_1 |
			     IB_PROT_T10DIF_TYPE_2 | IB_PROT_T10DIF_TYPE_3;
	attr->sig_guard_cap = cfg->guard_caps ?: IB_GUARD_T10DIF_CRC |
			      IB_GUARD_T10DIF_CSUM;
	attr->max_pi_fast_reg_page_list_len = cfg->max_pi_pages ?: 256;
}

void fake_pi_free(struct fake_pi *pi)
{
	if (!pi)
		return;
	kvfree(pi->meta);
	kfree(pi);
}

static struct fake_pi *fake_pi_create(u32 max_meta)
{
	struct fake_pi *pi = kzalloc_obj(*pi, GFP_KERNEL);

	if (!pi)
		return NULL;
	pi->max_meta = max_meta;
	pi->meta = kvcalloc(max_meta, sizeof(*pi->meta), GFP_KERNEL);
	if (pi->meta)
		return pi;
	kfree(pi);
	return NULL;
}

static struct ib_mr *fake_alloc_mr_integrity(struct ib_pd *pd, u32 max,
					     u32 max_meta)
{
	struct fake_hca *hca = to_hca(pd->device);
	u32 limit = hca->ib.attrs.max_pi_fast_reg_page_list_len;
	struct fake_pi *pi;
	struct ib_mr *mr;

	if (fake_verb_fails(hca, FAKE_ALLOC_MR))
		return ERR_PTR(-ENOMEM);
	if (max > limit || max_meta > limit)
		return ERR_PTR(-EINVAL);
	pi = fake_pi_create(max_meta);
	if (!pi)
		return ERR_PTR(-ENOMEM);
	mr = fake_mr_create(pd, max);
	if (IS_ERR(mr))
		fake_pi_free(pi);
	else
		to_fmr(mr)->pi = pi;
	return mr;
}

/* Returns the bytes in the list, or 0 if it is too long. */
static u64 fake_pi_map_list(struct fake_mr_elem *elem, u32 max,
			    struct scatterlist *sgl, int nents)
{
	struct scatterlist *sg;
	u64 len = 0;
	int i;

	if (nents < 0 || nents > max)
		return 0;
	for_each_sg(sgl, sg, nents, i) {
		elem[i].addr = sg_dma_address(sg);
		elem[i].len = sg_dma_len(sg);
		len += sg_dma_len(sg);
	}
	return len;
}

static int fake_map_mr_sg_pi(struct ib_mr *ib, struct scatterlist *sg, int nents,
			     unsigned int *offset, struct scatterlist *meta_sg,
			     int meta_nents, unsigned int *meta_offset)
{
	struct fake_hca *hca = to_hca(ib->device);
	struct fake_mr *mr = to_fmr(ib);
	struct fake_pi *pi = mr->pi;

	if (fake_verb_fails(hca, FAKE_MAP_MR))
		return -EIO;
	if (fake_mr_usable(mr))
		fake_complain(hca, "region %#x mapped anew while its key is valid",
			      mr->key);
	mr->nr = 0;
	pi->nr_meta = 0;
	pi->data_len = fake_pi_map_list(mr->elem, mr->max, sg, nents);
	pi->meta_len = fake_pi_map_list(pi->meta, pi->max_meta, meta_sg,
					meta_nents);
	if (!pi->data_len || (meta_nents && !pi->meta_len))
		return -ENOMEM;
	mr->nr = nents;
	pi->nr_meta = meta_nents;
	ib->iova = FAKE_PI_IOVA;
	ib->length = pi->data_len + pi->meta_len;
	/* as mlx5 does, which looks at it when it is registered */
	ib->sig_attrs->meta_length = pi->meta_len;
	return 0;
}

static int fake_check_mr_status(struct ib_mr *ib, u32 mask,
				struct ib_mr_status *status)
{
	struct fake_hca *hca = to_hca(ib->device);
	struct fake_pi *pi = to_fmr(ib)->pi;
	unsigned long flags;

	if (fake_verb_fails(hca, FAKE_CHECK_MR))
		return -EIO;
	if (!pi || mask != IB_MR_CHECK_SIG_STATUS)
		return -EINVAL;
	spin_lock_irqsave(&hca->lock, flags);
	status->fail_status = pi->failed ? IB_MR_CHECK_SIG_STATUS : 0;
	if (pi->failed)
		status->sig_err = pi->err;
	pi->failed = false;
	pi->unchecked = false;
	spin_unlock_irqrestore(&hca->lock, flags);
	return 0;
}

static bool fake_pi_has(const struct ib_sig_domain *domain)
{
	return domain->sig_type == IB_SIG_TYPE_T10_DIF;
}

/* What is wrong with one domain, or NULL. */
static const char *fake_pi_domain_error(struct fake_hca *hca, struct fake_pi *pi,
					const struct ib_sig_domain *domain)
{
	const struct ib_t10_dif_domain *dif = &domain->sig.dif;
	u32 guard = dif->bg_type == IB_T10DIF_CRC ? IB_GUARD_T10DIF_CRC :
						    IB_GUARD_T10DIF_CSUM;

	if (!fake_pi_has(domain))
		return NULL;
	if (!(hca->ib.attrs.sig_guard_cap & guard))
		return "a guard that the device cannot compute";
	if (dif->pi_interval < 512 || dif->pi_interval > FAKE_PI_MAX_INTERVAL ||
	    !is_power_of_2(dif->pi_interval))
		return "a strange interval";
	if (pi->interval && pi->interval != dif->pi_interval)
		return "intervals that differ";
	pi->interval = dif->pi_interval;
	return NULL;
}

/*
 * fake_pi_register - take over what a registration says; hca->lock is held
 *
 * Returns what is wrong with it, or NULL.
 */
const char *fake_pi_register(struct fake_qp *qp, struct fake_mr *mr)
{
	struct fake_pi *pi = mr->pi;
	const struct ib_sig_attrs *attrs = &pi->attrs;
	const char *error;

	if (!qp->ib.integrity_en)
		return "queue pair made without integrity";
	if (pi->unchecked)
		return "status of its last use never asked for";
	pi->attrs = *mr->ib.sig_attrs;
	if (attrs->meta_length != pi->meta_len)
		return "what the mapping has set in the attributes is lost";
	pi->interval = 0;
	error = fake_pi_domain_error(qp->hca, pi, &attrs->mem) ?:
		fake_pi_domain_error(qp->hca, pi, &attrs->wire);
	if (error)
		return error;
	if (!pi->interval)
		return "protection nowhere";
	if (fake_pi_has(&attrs->mem) != !!pi->nr_meta)
		return "memory domain and protection list disagree";
	if (pi->data_len % pi->interval ||
	    (pi->nr_meta &&
	     pi->meta_len != pi->data_len / pi->interval * FAKE_PI_LEN))
		return "lengths that do not go together";
	pi->wire_block = pi->interval;
	if (fake_pi_has(&attrs->wire))
		pi->wire_block += FAKE_PI_LEN;
	pi->pos = 0;
	pi->unchecked = true;
	return NULL;
}

u64 fake_pi_wire_length(struct fake_mr *mr)
{
	return mr->pi->data_len / mr->pi->interval * mr->pi->wire_block;
}

/* Moves @len bytes at @off of a list. */
static int fake_pi_copy(struct fake_hca *hca, const struct fake_mr_elem *elem,
			u32 nr, u64 off, void *buf, size_t len, bool write)
{
	void *ptr;
	size_t n;
	u32 i;

	for (i = 0; i < nr && len; off -= elem[i++].len) {
		while (len && off < elem[i].len) {
			n = min_t(u64, len, elem[i].len - off);
			ptr = fake_dma_ptr(hca->dma, elem[i].addr + off, n, write);
			if (!ptr) {
				fake_complain(hca, "a list points where nothing is mapped");
				return -EFAULT;
			}
			memcpy(write ? ptr : buf, write ? buf : ptr, n);
			off += n;
			buf += n;
			len -= n;
		}
	}
	return len ? -EFAULT : 0;
}

/* Block @n between pi->block and memory. */
static int fake_pi_move(struct fake_hca *hca, struct fake_mr *mr, u64 n,
			bool write)
{
	struct fake_pi *pi = mr->pi;
	int ret;

	ret = fake_pi_copy(hca, mr->elem, mr->nr, n * pi->interval, pi->block,
			   pi->interval, write);
	if (!ret && pi->nr_meta)
		ret = fake_pi_copy(hca, pi->meta, pi->nr_meta, n * FAKE_PI_LEN,
				   pi->block + pi->interval, FAKE_PI_LEN, write);
	return ret;
}

static __be16 fake_pi_guard(struct fake_pi *pi,
			    const struct ib_t10_dif_domain *dif)
{
	if (dif->bg_type == IB_T10DIF_CSUM)
		return (__force __be16)ip_compute_csum(pi->block, pi->interval);
	return cpu_to_be16(crc_t10dif(pi->block, pi->interval));
}

static u32 fake_pi_ref(const struct ib_t10_dif_domain *dif, u64 n)
{
	return dif->ref_tag + (dif->ref_remap ? n : 0);
}

static bool fake_pi_escaped(const struct ib_t10_dif_domain *dif,
			    const struct t10_pi_tuple *tuple)
{
	if (!dif->app_escape || tuple->app_tag != T10_PI_APP_ESCAPE)
		return false;
	return !dif->ref_escape || tuple->ref_tag == T10_PI_REF_ESCAPE;
}

static void fake_pi_fail(struct fake_mr *mr, u64 n, enum ib_sig_err_type type,
			 u32 expected, u32 actual)
{
	struct fake_pi *pi = mr->pi;

	if (pi->failed || expected == actual)
		return;
	pi->failed = true;
	pi->err = (struct ib_sig_err) {
		.err_type = type,
		.expected = expected,
		.actual = actual,
		/* of the tuple, in a stream that has them, whether it has or not */
		.sig_err_offset = n * (pi->interval + FAKE_PI_LEN) + pi->interval,
		.key = mr->key,
	};
}

/* Checks block @n against the domain that it comes from. */
static void fake_pi_check(struct fake_hca *hca, struct fake_mr *mr, u64 n,
			  const struct ib_sig_domain *from)
{
	struct fake_pi *pi = mr->pi;
	const struct t10_pi_tuple *tuple = (void *)(pi->block + pi->interval);
	const struct ib_t10_dif_domain *dif = &from->sig.dif;
	u8 mask = pi->attrs.check_mask;

	if (!fake_pi_has(from) || fake_pi_escaped(dif, tuple))
		return;
	if (mask & IB_SIG_CHECK_GUARD)
		fake_pi_fail(mr, n, IB_SIG_BAD_GUARD,
			     be16_to_cpu(fake_pi_guard(pi, dif)),
			     be16_to_cpu(tuple->guard_tag));
	if (mask & IB_SIG_CHECK_REFTAG)
		fake_pi_fail(mr, n, IB_SIG_BAD_REFTAG, fake_pi_ref(dif, n),
			     be32_to_cpu(tuple->ref_tag));
	if ((mask & IB_SIG_CHECK_APPTAG) || hca->apptag)
		fake_pi_fail(mr, n, IB_SIG_BAD_APPTAG,
			     (hca->apptag ?: dif->app_tag) & dif->apptag_check_mask,
			     be16_to_cpu(tuple->app_tag) & dif->apptag_check_mask);
}

/* Makes what the other domain wants behind block @n. */
static void fake_pi_convert(struct fake_pi *pi, u64 n,
			    const struct ib_sig_domain *from,
			    const struct ib_sig_domain *to)
{
	struct t10_pi_tuple *tuple = (void *)(pi->block + pi->interval);
	const struct ib_t10_dif_domain *in = &from->sig.dif, *out = &to->sig.dif;
	bool both = fake_pi_has(from) && fake_pi_has(to);

	if (!fake_pi_has(to))
		return;
	if (!both || in->bg_type != out->bg_type)
		tuple->guard_tag = fake_pi_guard(pi, out);
	if (!both || in->app_tag != out->app_tag)
		tuple->app_tag = cpu_to_be16(out->app_tag);
	if (!both || in->ref_tag != out->ref_tag)
		tuple->ref_tag = cpu_to_be32(fake_pi_ref(out, n));
}

/* A whole block has come in. */
static int fake_pi_take_block(struct fake_hca *hca, struct fake_mr *mr, u64 n)
{
	const struct ib_sig_attrs *attrs = &mr->pi->attrs;

	fake_pi_check(hca, mr, n, &attrs->wire);
	fake_pi_convert(mr->pi, n, &attrs->wire, &attrs->mem);
	return fake_pi_move(hca, mr, n, true);
}

/* A block is to go out. */
static int fake_pi_give_block(struct fake_hca *hca, struct fake_mr *mr, u64 n)
{
	const struct ib_sig_attrs *attrs = &mr->pi->attrs;
	int ret = fake_pi_move(hca, mr, n, false);

	if (ret)
		return ret;
	fake_pi_check(hca, mr, n, &attrs->mem);
	fake_pi_convert(mr->pi, n, &attrs->mem, &attrs->wire);
	return 0;
}

/*
 * fake_pi_rdma - the far end's RDMA Read or Write; hca->lock is held
 *
 * Returns 0, -EFAULT, or -ESPIPE if the access is not where the last one ended.
 */
int fake_pi_rdma(struct fake_hca *hca, struct fake_mr *mr, u64 off, u8 *buf,
		 size_t len, bool write)
{
	struct fake_pi *pi = mr->pi;
	size_t n, at;
	u64 block;
	int ret;

	if (off != pi->pos)
		return -ESPIPE;
	for (; len; len -= n, buf += n) {
		block = div64_u64(pi->pos, pi->wire_block);
		at = pi->pos - block * pi->wire_block;
		n = min_t(size_t, len, pi->wire_block - at);
		ret = !write && !at ? fake_pi_give_block(hca, mr, block) : 0;
		if (ret)
			return ret;
		memcpy(write ? pi->block + at : buf,
		       write ? buf : pi->block + at, n);
		pi->pos += n;
		if (write && at + n == pi->wire_block)
			ret = fake_pi_take_block(hca, mr, block);
		if (ret)
			return ret;
	}
	return 0;
}

bool fake_pi_covers_phys(struct fake_hca *hca, struct fake_mr *mr,
			 phys_addr_t phys, size_t len)
{
	return fake_elem_covers_phys(hca, mr->pi->meta, mr->pi->nr_meta, phys,
				     len);
}

const struct ib_device_ops fake_pi_ops = {
	.alloc_mr_integrity	= fake_alloc_mr_integrity,
	.map_mr_sg_pi		= fake_map_mr_sg_pi,
	.check_mr_status	= fake_check_mr_status,
};
