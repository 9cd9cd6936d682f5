/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Protected commands for the tests. They come down the way that a disk's do: a
 * bio with an integrity payload, the block layer, the SCSI midlayer, and an upper
 * level driver that says, as sd does, what is to become of the protection.
 */
#ifndef TEST_BED_PI_H
#define TEST_BED_PI_H

#include <linux/bio.h>
#include <linux/t10-pi.h>
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_common.h>

#include "bed.h"
#include "ulp.h"

/* Memory of a command: pages, what is used of them, and its bytes in a row. */
struct pi_buf {
	struct page	**pages;
	unsigned int	num_pages;
	u32		len, offset, piece;	/* as in struct cmd_spec */
	u8		*image;
};

struct pi_spec {
	unsigned char	op;		/* SCSI_PROT_* */
	u8		type;		/* of the medium's protection, where it has it */
	u64		lba;		/* 0: one of its own */
	u32		len;		/* of the data, in all cases */
	u32		offset, piece;	/* of the data, as in struct cmd_spec */
	u32		prot_offset, prot_piece;
	bool		no_guard_check, no_ref_check;
	u32		retries;
	u32		timeout;	/* seconds; 0: 60 */
};

struct pi_cmd {
	struct bed		*bed;
	struct scsi_device	*sdev;
	struct pi_spec		spec;
	u64			lba;
	u32			interval, blocks;
	bool			write, dix, dif;
	bool			ip;		/* guard in memory */
	struct pi_buf		data, prot;
	struct bio		*bio;
	struct completion	done;
	blk_status_t		status;
	int			result;		/* of the scsi_cmnd, its last time */
	struct scsi_sense_hdr	sense;
	u64			sense_info;
};

/* What a tuple has if nobody makes it wrong, in the tests' own data. */
#define PI_APP_TAG	0xa5c3
#define PI_TYPE3_REF	0x3c5a0ff0	/* of a medium's owner */

struct bed *bed_create_pi(struct kunit *test, const struct fake_hca_config *cfg,
			  bool ip, u32 interval);

struct pi_cmd *pi_create(struct session *s, const struct pi_spec *spec);
void pi_submit(struct pi_cmd *cmd);
bool pi_is_done(struct pi_cmd *cmd);
bool pi_wait(struct pi_cmd *cmd);
void pi_expect_good(struct pi_cmd *cmd);
void pi_expect_sense(struct pi_cmd *cmd, u8 ascq, u64 lba);

/* tuples in memory, and blocks on the wire */
struct t10_pi_tuple *pi_mem_tuple(struct pi_cmd *cmd, u32 n);
u32 pi_wire_len(const struct pi_cmd *cmd);
u8 *pi_wire_image(struct pi_cmd *cmd);
struct t10_pi_tuple *pi_wire_tuple(struct pi_cmd *cmd, u8 *wire, u32 n);
int pi_rdma(struct pi_cmd *cmd, struct fake_qp *qp, const struct fake_pdu *pdu,
	    u8 *wire);
void pi_serve(struct pi_cmd *cmd, struct fake_qp *qp, const struct fake_pdu *pdu);

#endif
