// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * An upper level SCSI driver for protected commands.
 *
 * The driver is to the midlayer what sd is: it binds to the disk that the scan
 * finds, gives the queue an integrity profile, and prepares each command. Whether
 * memory has protection (a bio with a payload) and whether the wire has it is
 * the test's choice, so that all operations can be had.
 */
#include <linux/blk-integrity.h>
#include <linux/blkdev.h>
#include <linux/unaligned.h>
#include <scsi/scsi_driver.h>
#include <scsi/scsi_eh.h>

#include "bed_pi.h"

static u32 pi_disk_interval;
static struct lock_class_key pi_disk_lock_class;
static const struct block_device_operations pi_disk_fops;

static int pi_disk_set_limits(struct scsi_device *sdev)
{
	struct request_queue *q = sdev->request_queue;
	struct queue_limits lim = queue_limits_start_update(q);

	lim.logical_block_size = pi_disk_interval;
	if (scsi_host_dix_capable(sdev->host, 0)) {
		lim.integrity.metadata_size = sizeof(struct t10_pi_tuple);
		lim.integrity.pi_tuple_size = sizeof(struct t10_pi_tuple);
		lim.integrity.csum_type =
			scsi_host_get_guard(sdev->host) & SHOST_DIX_GUARD_IP ?
			BLK_INTEGRITY_CSUM_IP : BLK_INTEGRITY_CSUM_CRC;
		/* bios without protection stay without */
		lim.integrity.flags = BLK_INTEGRITY_NOGENERATE |
				      BLK_INTEGRITY_NOVERIFY;
	}
	return queue_limits_commit_update_frozen(q, &lim);
}

static int pi_disk_probe(struct scsi_device *sdev)
{
	struct gendisk *disk;
	int ret;

	disk = blk_mq_alloc_disk_for_queue(sdev->request_queue,
					   &pi_disk_lock_class);
	if (!disk)
		return -ENOMEM;
	disk->fops = &pi_disk_fops;
	strscpy(disk->disk_name, "fake_sd");
	set_capacity(disk, 1ull << 40);
	sdev->sector_size = pi_disk_interval;
	dev_set_drvdata(&sdev->sdev_gendev, disk);
	ret = pi_disk_set_limits(sdev);
	if (ret)
		put_disk(disk);
	return ret;
}

static void pi_disk_remove(struct scsi_device *sdev)
{
	put_disk(dev_get_drvdata(&sdev->sdev_gendev));
}

/* SBC-4: protection is transferred, and checked by the target. */
#define PI_PROTECT	0x20

static void pi_disk_protect(struct scsi_cmnd *sc, struct pi_cmd *cmd)
{
	u8 type = cmd->dif ? cmd->spec.type : 0;

	scsi_set_prot_op(sc, cmd->spec.op);
	scsi_set_prot_type(sc, type);
	if (type != T10_PI_TYPE3_PROTECTION)
		sc->prot_flags |= SCSI_PROT_REF_INCREMENT;
	if (cmd->dif) {
		sc->prot_flags |= SCSI_PROT_TRANSFER_PI;
		sc->cmnd[1] |= PI_PROTECT;
	}
	if (cmd->dix && cmd->ip)
		sc->prot_flags |= SCSI_PROT_IP_CHECKSUM;
	/* what is made here needs no check */
	if (cmd->write ? !cmd->dix : !cmd->dif)
		return;
	if (!cmd->spec.no_guard_check)
		sc->prot_flags |= SCSI_PROT_GUARD_CHECK;
	if (!cmd->spec.no_ref_check && type != T10_PI_TYPE3_PROTECTION)
		sc->prot_flags |= SCSI_PROT_REF_CHECK;
}

static blk_status_t pi_disk_init_command(struct scsi_cmnd *sc)
{
	struct request *rq = scsi_cmd_to_rq(sc);
	struct pi_cmd *cmd = rq->bio->bi_private;
	blk_status_t ret;

	ret = scsi_alloc_sgtables(sc);
	if (ret != BLK_STS_OK)
		return ret;
	sc->cmnd[0] = cmd->write ? WRITE_16 : READ_16;
	put_unaligned_be64(scsi_get_lba(sc), sc->cmnd + 2);
	put_unaligned_be32(cmd->blocks, sc->cmnd + 10);
	sc->cmd_len = 16;
	sc->allowed = cmd->spec.retries;
	sc->transfersize = cmd->interval;
	rq->timeout = (cmd->spec.timeout ?: 60) * HZ;
	pi_disk_protect(sc, cmd);
	return BLK_STS_OK;
}

static int pi_disk_done(struct scsi_cmnd *sc)
{
	struct pi_cmd *cmd = scsi_cmd_to_rq(sc)->bio->bi_private;

	cmd->result = sc->result;
	memset(&cmd->sense, 0, sizeof(cmd->sense));
	if (!scsi_command_normalize_sense(sc, &cmd->sense) ||
	    !scsi_get_sense_info_fld(sc->sense_buffer, SCSI_SENSE_BUFFERSIZE,
				     &cmd->sense_info))
		cmd->sense_info = 0;
	return sc->result ? 0 : scsi_bufflen(sc);
}

static struct scsi_driver pi_disk_driver = {
	.gendrv.name	= "fake_sd",
	.probe		= pi_disk_probe,
	.remove		= pi_disk_remove,
	.init_command	= pi_disk_init_command,
	.done		= pi_disk_done,
};

static void pi_disk_unregister(void *data)
{
	scsi_unregister_driver(&pi_disk_driver);
}

/*
 * A bed whose module has pi_enable, and this guard; disks have blocks of
 * @interval bytes.
 */
struct bed *bed_create_pi(struct kunit *test, const struct fake_hca_config *cfg,
			  bool ip, u32 interval)
{
	KUNIT_ASSERT_EQ(test, ulp_set_param(test, "pi_enable", "Y"), 0);
	KUNIT_ASSERT_EQ(test, ulp_set_param(test, "pi_guard", ip ? "1" : "0"), 0);
	pi_disk_interval = interval;
	KUNIT_ASSERT_EQ(test, scsi_register_driver(&pi_disk_driver), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, pi_disk_unregister,
							NULL), 0);
	return bed_create(test, cfg);
}
