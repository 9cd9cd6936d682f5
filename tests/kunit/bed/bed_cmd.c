// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * SCSI commands for the tests: READ(16) and WRITE(16), each with an LBA of its
 * own, which names it and decides its data. The pages are laid out by the test,
 * and what lies around the data in them is checked to be untouched.
 */
#include <linux/bio.h>
#include <linux/blk-mq.h>
#include <linux/slab.h>
#include <linux/unaligned.h>
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_eh.h>

#include "bed.h"

#define CMD_CANARY	0xc5

/* Bytes in element @i of the buffer, which begins at spec.offset of a page. */
static u32 cmd_piece(const struct test_cmd *cmd, u32 pos)
{
	u32 room = PAGE_SIZE - cmd->spec.offset;

	if (cmd->spec.piece)
		room = cmd->spec.piece;
	else if (pos)
		room = PAGE_SIZE;
	return min(room, cmd->spec.len - pos);
}

static u32 cmd_offset(const struct test_cmd *cmd, u32 pos)
{
	return cmd->spec.piece || !pos ? cmd->spec.offset : 0;
}

static unsigned int cmd_count_pages(const struct test_cmd *cmd)
{
	unsigned int n = 0;
	u32 pos;

	for (pos = 0; pos < cmd->spec.len; pos += cmd_piece(cmd, pos))
		n++;
	return n;
}

static void cmd_alloc_pages(struct test_cmd *cmd)
{
	struct kunit *test = cmd->bed->test;
	unsigned int i;
	u32 pos, n, k;
	u8 *page;

	cmd->num_pages = cmd_count_pages(cmd);
	cmd->pages = kunit_kcalloc(test, cmd->num_pages + 1,
				   sizeof(*cmd->pages), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cmd->pages);
	for (i = 0, pos = 0; i < cmd->num_pages; i++, pos += n) {
		cmd->pages[i] = alloc_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, cmd->pages[i]);
		page = page_address(cmd->pages[i]);
		memset(page, CMD_CANARY, PAGE_SIZE);
		n = cmd_piece(cmd, pos);
		for (k = 0; cmd->spec.write && k < n; k++)
			page[cmd_offset(cmd, pos) + k] =
				target_byte(cmd->lba, pos + k);
	}
}

static bool cmd_check_page(struct test_cmd *cmd, unsigned int i, u32 pos, u32 n)
{
	u8 *page = page_address(cmd->pages[i]);
	u32 k, from = cmd_offset(cmd, pos), wanted;

	for (k = 0; k < PAGE_SIZE; k++) {
		wanted = k < from || k >= from + n ? CMD_CANARY :
			 target_byte(cmd->lba, pos + k - from);
		if (page[k] == wanted)
			continue;
		KUNIT_FAIL(cmd->bed->test, "LBA %u, %u bytes: page %u has %#x at %u, wanted %#x",
			   cmd->lba, cmd->spec.len, i, page[k], k, wanted);
		return false;
	}
	return true;
}

static void cmd_check_pages(struct test_cmd *cmd)
{
	unsigned int i;
	u32 pos, n;

	for (i = 0, pos = 0; i < cmd->num_pages; i++, pos += n) {
		n = cmd_piece(cmd, pos);
		if (!cmd_check_page(cmd, i, pos, n))
			return;
	}
}

static void cmd_build_cdb(struct test_cmd *cmd, struct scsi_cmnd *sc)
{
	memset(sc->cmnd, 0, sizeof(sc->cmnd));
	sc->cmnd[0] = cmd->spec.write ? WRITE_16 : READ_16;
	if (!cmd->spec.len)
		sc->cmnd[0] = TEST_UNIT_READY;
	put_unaligned_be64(cmd->lba, sc->cmnd + 2);
	put_unaligned_be32(cmd->spec.len / 512, sc->cmnd + 10);
	sc->cmd_len = 16;
	sc->allowed = 0;
}

static enum rq_end_io_ret cmd_end_io(struct request *rq, blk_status_t status,
				     const struct io_comp_batch *iob)
{
	struct test_cmd *cmd = rq->end_io_data;
	struct scsi_cmnd *sc = blk_mq_rq_to_pdu(rq);
	struct scsi_sense_hdr sshdr;
	unsigned int i;

	fake_spy_check(cmd->bed->hca, sc->cmnd, 0, 0);
	for (i = 0; i < cmd->num_pages; i++)
		fake_spy_check(cmd->bed->hca, sc->cmnd,
			       page_to_phys(cmd->pages[i]), PAGE_SIZE);
	cmd->result = sc->result;
	if (scsi_command_normalize_sense(sc, &sshdr))
		cmd->sense_key = sshdr.sense_key;
	complete(&cmd->done);
	return RQ_END_IO_FREE;
}

static void cmd_bio_end_io(struct bio *bio)
{
}

static void cmd_add_pages(struct test_cmd *cmd)
{
	struct kunit *test = cmd->bed->test;
	unsigned int i;
	u32 pos, n;

	if (!cmd->num_pages)
		return;
	cmd->bio = bio_alloc(NULL, cmd->num_pages, cmd->rq->cmd_flags,
			     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cmd->bio);
	cmd->bio->bi_end_io = cmd_bio_end_io;
	for (i = 0, pos = 0; i < cmd->num_pages; i++, pos += n) {
		n = cmd_piece(cmd, pos);
		__bio_add_page(cmd->bio, cmd->pages[i], n,
			       cmd_offset(cmd, pos));
	}
	KUNIT_ASSERT_EQ_MSG(test, blk_rq_append_bio(cmd->rq, cmd->bio), 0,
			    "%u bytes in %u pages, offset %u, pieces of %u: the host does not take them",
			    cmd->spec.len, cmd->num_pages, cmd->spec.offset,
			    cmd->spec.piece);
}

static void cmd_free(void *data)
{
	struct test_cmd *cmd = data;
	unsigned int i;

	/* Ends when teardown has failed the command, at the latest. */
	wait_for_completion(&cmd->done);
	if (cmd->bio)
		bio_put(cmd->bio);
	for (i = 0; i < cmd->num_pages; i++)
		__free_page(cmd->pages[i]);
}

/* Queues a command; with the session up it has been sent on return. */
struct test_cmd *cmd_submit(struct session *s, const struct cmd_spec *spec)
{
	struct bed *bed = s->bed;
	struct kunit *test = bed->test;
	struct scsi_device *sdev = spec->other_lun ? s->other_sdev : s->sdev;
	struct test_cmd *cmd;

	cmd = kunit_kzalloc(test, sizeof(*cmd), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cmd);
	cmd->bed = bed;
	cmd->spec = *spec;
	cmd->lba = ++bed->next_lba;
	init_completion(&cmd->done);
	cmd_alloc_pages(cmd);
	cmd->rq = scsi_alloc_request(sdev->request_queue,
				     spec->write ? REQ_OP_DRV_OUT :
						   REQ_OP_DRV_IN,
				     BLK_MQ_REQ_NOWAIT);
	KUNIT_ASSERT_FALSE(test, IS_ERR(cmd->rq));
	cmd_add_pages(cmd);
	cmd_build_cdb(cmd, blk_mq_rq_to_pdu(cmd->rq));
	cmd->rq->timeout = (spec->timeout ?: 60) * HZ;
	cmd->rq->end_io = cmd_end_io;
	cmd->rq->end_io_data = cmd;
	blk_execute_rq_nowait(cmd->rq, true);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, cmd_free, cmd), 0);
	return cmd;
}

bool cmd_is_done(struct test_cmd *cmd)
{
	return completion_done(&cmd->done);
}

/*
 * For tests that queue thousands: a command that is done, and all that is its
 * own, before the test's end.
 */
void cmd_forget(struct test_cmd *cmd)
{
	struct kunit *test = cmd->bed->test;

	kunit_release_action(test, cmd_free, cmd);
	kunit_kfree(test, cmd->pages);
	kunit_kfree(test, cmd);
}

/* Waits up to two minutes; returns the command's result, or -ETIMEDOUT. */
int cmd_wait(struct test_cmd *cmd)
{
	if (!wait_for_completion_timeout(&cmd->done, 120 * HZ))
		return -ETIMEDOUT;
	complete(&cmd->done);
	return cmd->result;
}

void cmd_expect_good(struct test_cmd *cmd)
{
	struct kunit *test = cmd->bed->test;

	KUNIT_EXPECT_EQ_MSG(test, cmd_wait(cmd), 0, "LBA %u, %s of %u bytes",
			    cmd->lba, cmd->spec.write ? "write" : "read",
			    cmd->spec.len);
	if (cmd_is_done(cmd))
		cmd_check_pages(cmd);
}
