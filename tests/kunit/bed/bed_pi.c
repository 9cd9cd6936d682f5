// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Protected commands: their memory, and what they must be on the wire.
 *
 * A command has its data and, for the operations that want it, its protection,
 * each laid out in pages by the test, and each with an image in one piece. What
 * the far end sends or must get is made here from SBC-4: behind each block a
 * guard, an application tag and a reference tag. Guards are the kernel's own
 * functions; all else, where it goes included, owes nothing to the HCA.
 */
#include <linux/blk-integrity.h>
#include <linux/blkdev.h>
#include <linux/crc-t10dif.h>
#include <linux/slab.h>
#include <linux/unaligned.h>
#include <net/checksum.h>

#include "bed_pi.h"

#define PI_CANARY	0xc5

static u32 pi_buf_piece(const struct pi_buf *buf, u32 pos)
{
	u32 room = PAGE_SIZE - buf->offset;

	if (buf->piece)
		room = buf->piece;
	else if (pos)
		room = PAGE_SIZE;
	return min(room, buf->len - pos);
}

static u32 pi_buf_offset(const struct pi_buf *buf, u32 pos)
{
	return buf->piece || !pos ? buf->offset : 0;
}

static void pi_buf_free(void *data)
{
	struct pi_buf *buf = data;
	unsigned int i;

	for (i = 0; i < buf->num_pages; i++)
		__free_page(buf->pages[i]);
}

static void pi_buf_create(struct kunit *test, struct pi_buf *buf, u32 len,
			  u32 offset, u32 piece)
{
	unsigned int n = 0;
	u32 pos;

	buf->len = len;
	buf->offset = offset;
	buf->piece = piece;
	buf->image = kunit_kzalloc(test, len + 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf->image);
	for (pos = 0; pos < len; pos += pi_buf_piece(buf, pos))
		n++;
	buf->pages = kunit_kcalloc(test, n + 1, sizeof(*buf->pages), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf->pages);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, pi_buf_free, buf),
			0);
	while (buf->num_pages < n) {
		struct page *page = alloc_page(GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, page);
		memset(page_address(page), PI_CANARY, PAGE_SIZE);
		buf->pages[buf->num_pages++] = page;
	}
}

/* Puts the image into the pages. */
static void pi_buf_fill(struct pi_buf *buf)
{
	unsigned int i;
	u32 pos, n;

	for (i = 0, pos = 0; i < buf->num_pages; i++, pos += n) {
		n = pi_buf_piece(buf, pos);
		memcpy(page_address(buf->pages[i]) + pi_buf_offset(buf, pos),
		       buf->image + pos, n);
	}
}

/* The pages hold the image, and around it what was there before. */
static void pi_buf_check(struct kunit *test, const struct pi_buf *buf,
			 const char *what)
{
	u32 pos, n, k, from;
	unsigned int i;
	u8 *page, want;

	for (i = 0, pos = 0; i < buf->num_pages; i++, pos += n) {
		page = page_address(buf->pages[i]);
		from = pi_buf_offset(buf, pos);
		n = pi_buf_piece(buf, pos);
		for (k = 0; k < PAGE_SIZE; k++) {
			want = k < from || k >= from + n ? PI_CANARY :
			       buf->image[pos + k - from];
			if (page[k] == want)
				continue;
			KUNIT_FAIL(test, "%s: %#x at %u of page %u, wanted %#x",
				   what, page[k], k, i, want);
			return;
		}
	}
}

static __be16 pi_guard(struct pi_cmd *cmd, u32 n, bool ip)
{
	const u8 *block = cmd->data.image + n * cmd->interval;

	if (ip)
		return (__force __be16)ip_compute_csum(block, cmd->interval);
	return cpu_to_be16(crc_t10dif(block, cmd->interval));
}

/*
 * The tuple of block @n. Type 3 leaves the reference tag to the medium's owner;
 * what is inserted has the first LBA there all along.
 */
static void pi_make_tuple(struct pi_cmd *cmd, u32 n, bool ip, bool inserted,
			  struct t10_pi_tuple *tuple)
{
	tuple->guard_tag = pi_guard(cmd, n, ip);
	tuple->app_tag = inserted ? 0 : cpu_to_be16(PI_APP_TAG);
	if (!cmd->dif || cmd->spec.type != T10_PI_TYPE3_PROTECTION)
		tuple->ref_tag = cpu_to_be32(lower_32_bits(cmd->lba + n));
	else
		tuple->ref_tag = cpu_to_be32(inserted ? lower_32_bits(cmd->lba) :
						       PI_TYPE3_REF);
}

struct t10_pi_tuple *pi_mem_tuple(struct pi_cmd *cmd, u32 n)
{
	return (struct t10_pi_tuple *)cmd->prot.image + n;
}

u32 pi_wire_len(const struct pi_cmd *cmd)
{
	return cmd->spec.len + (cmd->dif ? cmd->blocks * 8 : 0);
}

struct t10_pi_tuple *pi_wire_tuple(struct pi_cmd *cmd, u8 *wire, u32 n)
{
	return (void *)(wire + n * (cmd->interval + 8) + cmd->interval);
}

/* The command's blocks as they must be on the wire. */
u8 *pi_wire_image(struct pi_cmd *cmd)
{
	u32 stride = cmd->interval + (cmd->dif ? 8 : 0), n;
	struct kunit *test = cmd->bed->test;
	u8 *wire = kunit_kzalloc(test, pi_wire_len(cmd), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, wire);
	for (n = 0; n < cmd->blocks; n++) {
		memcpy(wire + n * stride, cmd->data.image + n * cmd->interval,
		       cmd->interval);
		if (cmd->dif)
			pi_make_tuple(cmd, n, false, cmd->write && !cmd->dix,
				      pi_wire_tuple(cmd, wire, n));
	}
	return wire;
}

static bool pi_op_has(unsigned char op, bool wire)
{
	switch (op) {
	case SCSI_PROT_READ_PASS:
	case SCSI_PROT_WRITE_PASS:
		return true;
	case SCSI_PROT_READ_STRIP:
	case SCSI_PROT_WRITE_INSERT:
		return wire;
	case SCSI_PROT_READ_INSERT:
	case SCSI_PROT_WRITE_STRIP:
		return !wire;
	default:
		return false;
	}
}

static bool pi_op_writes(unsigned char op)
{
	return op == SCSI_PROT_WRITE_STRIP || op == SCSI_PROT_WRITE_INSERT ||
	       op == SCSI_PROT_WRITE_PASS;
}

static void pi_cmd_end(void *data)
{
	struct pi_cmd *cmd = data;

	/* Ends when teardown has failed the command, at the latest. */
	wait_for_completion(&cmd->done);
	if (cmd->bio)
		bio_put(cmd->bio);
	put_device(&cmd->sdev->sdev_gendev);
}

/* A command and its memory, not yet sent: the test may spoil the images. */
struct pi_cmd *pi_create(struct session *s, const struct pi_spec *spec)
{
	struct kunit *test = s->bed->test;
	struct pi_cmd *cmd;
	u32 n;

	cmd = kunit_kzalloc(test, sizeof(*cmd), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cmd);
	cmd->bed = s->bed;
	cmd->sdev = s->sdev;
	cmd->spec = *spec;
	cmd->lba = spec->lba;
	if (!cmd->lba)
		cmd->lba = (u64)(++s->bed->next_lba) << 12;
	cmd->interval = s->sdev->sector_size;
	cmd->blocks = spec->len / cmd->interval;
	cmd->write = pi_op_writes(spec->op);
	cmd->dix = pi_op_has(spec->op, false);
	cmd->dif = pi_op_has(spec->op, true);
	cmd->ip = scsi_host_get_guard(s->shost) & SHOST_DIX_GUARD_IP;
	init_completion(&cmd->done);
	pi_buf_create(test, &cmd->data, spec->len, spec->offset, spec->piece);
	pi_buf_create(test, &cmd->prot, cmd->dix ? cmd->blocks * 8 : 0,
		      spec->prot_offset, spec->prot_piece);
	for (n = 0; n < spec->len; n++)
		cmd->data.image[n] = target_byte(cmd->lba, n);
	for (n = 0; cmd->dix && n < cmd->blocks; n++)
		pi_make_tuple(cmd, n, cmd->ip, !cmd->write && !cmd->dif,
			      pi_mem_tuple(cmd, n));
	return cmd;
}

static void pi_end_io(struct bio *bio)
{
	struct pi_cmd *cmd = bio->bi_private;
	u8 cdb[FAKE_CDB_LEN] = { cmd->write ? WRITE_16 : READ_16,
				 cmd->dif ? 1 << 5 : 0 };
	unsigned int i;

	put_unaligned_be64(cmd->lba, cdb + 2);
	put_unaligned_be32(cmd->blocks, cdb + 10);
	fake_spy_check(cmd->bed->hca, cdb, 0, 0);
	for (i = 0; i < cmd->data.num_pages; i++)
		fake_spy_check(cmd->bed->hca, cdb,
			       page_to_phys(cmd->data.pages[i]), PAGE_SIZE);
	for (i = 0; i < cmd->prot.num_pages; i++)
		fake_spy_check(cmd->bed->hca, cdb,
			       page_to_phys(cmd->prot.pages[i]), PAGE_SIZE);
	cmd->status = bio->bi_status;
	complete(&cmd->done);
}

static void pi_add_pages(struct pi_cmd *cmd)
{
	struct pi_buf *buf = &cmd->data;
	unsigned int i;
	u32 pos, n;

	for (i = 0, pos = 0; i < buf->num_pages; i++, pos += n) {
		n = pi_buf_piece(buf, pos);
		__bio_add_page(cmd->bio, buf->pages[i], n,
			       pi_buf_offset(buf, pos));
	}
}

static void pi_add_payload(struct pi_cmd *cmd)
{
	struct pi_buf *buf = &cmd->prot;
	struct bio_integrity_payload *bip;
	unsigned int i;
	u32 pos, n;

	bip = bio_integrity_alloc(cmd->bio, GFP_KERNEL, buf->num_pages);
	KUNIT_ASSERT_FALSE(cmd->bed->test, IS_ERR(bip));
	bip_set_seed(bip, cmd->lba);
	for (i = 0, pos = 0; i < buf->num_pages; i++, pos += n) {
		n = pi_buf_piece(buf, pos);
		bvec_set_page(&bip->bip_vec[i], buf->pages[i], n,
			      pi_buf_offset(buf, pos));
	}
	bip->bip_vcnt = buf->num_pages;
	bip->bip_iter.bi_size = buf->len;
}

/* With the session up it has been sent on return. */
void pi_submit(struct pi_cmd *cmd)
{
	struct gendisk *disk = dev_get_drvdata(&cmd->sdev->sdev_gendev);
	struct kunit *test = cmd->bed->test;

	if (cmd->write) {
		pi_buf_fill(&cmd->data);
		pi_buf_fill(&cmd->prot);
	}
	cmd->bio = bio_alloc(disk->part0, cmd->data.num_pages,
			     (cmd->write ? REQ_OP_WRITE : REQ_OP_READ) |
			     REQ_NOMERGE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cmd->bio);
	cmd->bio->bi_iter.bi_sector = cmd->lba * (cmd->interval / SECTOR_SIZE);
	cmd->bio->bi_end_io = pi_end_io;
	cmd->bio->bi_private = cmd;
	pi_add_pages(cmd);
	if (cmd->dix)
		pi_add_payload(cmd);
	get_device(&cmd->sdev->sdev_gendev);
	KUNIT_ASSERT_EQ(test, kunit_add_action(test, pi_cmd_end, cmd), 0);
	submit_bio(cmd->bio);
}

bool pi_is_done(struct pi_cmd *cmd)
{
	return completion_done(&cmd->done);
}

/* Waits up to two minutes; false if it is not done then. */
bool pi_wait(struct pi_cmd *cmd)
{
	if (!wait_for_completion_timeout(&cmd->done, 120 * HZ))
		return false;
	complete(&cmd->done);
	return true;
}

/* All bytes are what the images say, and nothing beside them has changed. */
void pi_expect_good(struct pi_cmd *cmd)
{
	struct kunit *test = cmd->bed->test;

	KUNIT_EXPECT_TRUE(test, pi_wait(cmd));
	if (!pi_is_done(cmd))
		return;
	KUNIT_EXPECT_EQ(test, blk_status_to_errno(cmd->status), 0);
	KUNIT_EXPECT_EQ(test, cmd->result, 0);
	pi_buf_check(test, &cmd->data, "data");
	pi_buf_check(test, &cmd->prot, "protection");
}

/* The command has failed for its protection: this one, in this block. */
void pi_expect_sense(struct pi_cmd *cmd, u8 ascq, u64 lba)
{
	struct kunit *test = cmd->bed->test;

	KUNIT_EXPECT_TRUE(test, pi_wait(cmd));
	KUNIT_EXPECT_EQ(test, blk_status_to_errno(cmd->status), -EILSEQ);
	KUNIT_EXPECT_EQ(test, cmd->result, SAM_STAT_CHECK_CONDITION);
	/* the key is libiscsi's choice */
	KUNIT_EXPECT_EQ(test, cmd->sense.sense_key, ILLEGAL_REQUEST);
	KUNIT_EXPECT_EQ(test, cmd->sense.asc, 0x10);
	KUNIT_EXPECT_EQ(test, cmd->sense.ascq, ascq);
	KUNIT_EXPECT_EQ(test, cmd->sense_info, lba);
}

/*
 * The data phase: all of the wire's bytes, in pieces that are no multiple of
 * anything, to or from @wire.
 */
int pi_rdma(struct pi_cmd *cmd, struct fake_qp *qp, const struct fake_pdu *pdu,
	    u8 *wire)
{
	const struct iser_ctrl *iser = pdu_iser(pdu);
	u64 va = be64_to_cpu(cmd->write ? iser->write_va : iser->read_va);
	u32 pos, n, len = pi_wire_len(cmd);
	int ret = 0;

	for (pos = 0; !ret && pos < len; pos += n) {
		n = min(len - pos, 1009);
		ret = fake_rdma(qp, target_key(pdu), va + pos, wire + pos, n,
				!cmd->write);
	}
	return ret;
}

/* The data phase with what is right on the wire, or must be found there. */
void pi_serve(struct pi_cmd *cmd, struct fake_qp *qp, const struct fake_pdu *pdu)
{
	struct kunit *test = cmd->bed->test;
	u8 *wire = pi_wire_image(cmd);
	u8 *got = cmd->write ? kunit_kzalloc(test, pi_wire_len(cmd), GFP_KERNEL) :
			       wire;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, got);
	KUNIT_EXPECT_EQ(test, pi_rdma(cmd, qp, pdu, got), 0);
	for (i = 0; i < pi_wire_len(cmd) && got[i] == wire[i]; i++)
		;
	if (i < pi_wire_len(cmd))
		KUNIT_FAIL(test, "%#x on the wire at %u, wanted %#x", got[i], i,
			   wire[i]);
}
