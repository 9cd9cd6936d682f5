// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * SCSI commands that are made once and go to the initiator again and again, past the
 * block layer: from queuecommand() to scsi_done(), and nothing else. SCSI's error
 * handler sends its own commands that way, and its completion hears of each one's end.
 */
#include <linux/blk-mq.h>
#include <linux/delay.h>
#include <linux/ktime.h>
#include <scsi/scsi_proto.h>

#include "native.h"

static void native_free_pages(struct sg_table *table)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_sg(table, sg, i)
		if (sg_page(sg))
			__free_page(sg_page(sg));
	sg_free_table(table);
}

/* An element for each page, as of a page cache that has been in use for long. */
static int native_alloc_pages(struct sg_table *table, u32 len)
{
	struct scatterlist *sg;
	struct page *page;
	unsigned int i;

	if (sg_alloc_table(table, len / PAGE_SIZE, GFP_KERNEL))
		return -ENOMEM;
	for_each_sgtable_sg(table, sg, i) {
		page = alloc_page(GFP_KERNEL);
		if (!page) {
			native_free_pages(table);
			return -ENOMEM;
		}
		sg_set_page(sg, page, PAGE_SIZE, 0);
	}
	return 0;
}

/* Returns NULL if there is no memory or no tag. */
static struct scsi_cmnd *native_cmd_create(struct native *native, bool write, u32 len)
{
	struct scsi_cmnd *sc;
	struct request *rq;

	rq = scsi_alloc_request(native->sdev->request_queue,
				write ? REQ_OP_DRV_OUT : REQ_OP_DRV_IN,
				BLK_MQ_REQ_NOWAIT);
	if (IS_ERR(rq))
		return NULL;
	sc = blk_mq_rq_to_pdu(rq);
	if (native_alloc_pages(&sc->sdb.table, len)) {
		blk_mq_free_request(rq);
		return NULL;
	}
	sc->sdb.length = len;
	sc->device = native->sdev;
	sc->submitter = SUBMITTED_BY_SCSI_ERROR_HANDLER;
	sc->sc_data_direction = write ? DMA_TO_DEVICE : DMA_FROM_DEVICE;
	sc->transfersize = len;
	sc->cmd_len = 16;
	sc->cmnd[0] = write ? WRITE_16 : READ_16;
	return sc;
}

static void native_cmd_destroy(struct scsi_cmnd *sc)
{
	native_free_pages(&sc->sdb.table);
	memset(&sc->sdb, 0, sizeof(sc->sdb));
	sc->submitter = SUBMITTED_BY_BLOCK_LAYER;
	blk_mq_free_request(scsi_cmd_to_rq(sc));
}

/* Makes @count commands; false if there is no memory or no tag for them all. */
bool native_cmds_create(struct native *native, bool write, u32 len, unsigned int count)
{
	while (native->n_sc < count) {
		native->sc[native->n_sc] = native_cmd_create(native, write, len);
		if (!native->sc[native->n_sc])
			return false;
		native->n_sc++;
	}
	return true;
}

void native_cmds_destroy(struct native *native)
{
	while (native->n_sc)
		native_cmd_destroy(native->sc[--native->n_sc]);
}

/* They are done when their softirq has run, which is now, unless it had too much to do. */
static bool native_wait(struct native *native, unsigned int depth)
{
	unsigned int i;

	for (i = 0; i < 50 && READ_ONCE(native->done.done) != depth; i++)
		msleep(20);
	reinit_completion(&native->done);
	return i < 50;
}

/*
 * native_cmds_run - send @count commands, @depth of them at a time
 * @what: a struct native that has these commands
 *
 * Those that are under way together are sent in a row, and their completions found in
 * a row, as with an interrupt that is moderated. Returns the nanoseconds that it took
 * in all, or 0 if a command has failed, or did not come back.
 */
u64 native_cmds_run(void *what, unsigned int depth, unsigned int count)
{
	struct native *native = what;
	struct Scsi_Host *shost = native->shost;
	unsigned int i, n, refused = 0;
	u64 start = ktime_get_ns(), end;

	for (n = 0; n < count; n += depth) {
		local_bh_disable();
		for (i = 0; i < depth; i++)
			refused |= shost->hostt->queuecommand(shost, native->sc[i]);
		local_bh_enable();
		if (unlikely(refused || !native_wait(native, depth)))
			return 0;
	}
	end = ktime_get_ns();
	for (i = 0; i < depth; i++)
		if (native->sc[i]->result)
			return 0;
	return end - start;
}
