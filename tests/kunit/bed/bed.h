/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The test bed: a fake HCA, a target behind it, iscsid, and sessions between
 * them. What a test makes is undone when it ends, however it ends, and what the
 * module left behind, or did wrong on the way, fails it.
 */
#ifndef TEST_BED_H
#define TEST_BED_H

#include <linux/completion.h>
#include <scsi/scsi_device.h>
#include <scsi/scsi_host.h>

#include "fake_hca.h"
#include "iscsid.h"
#include "target.h"

struct bed {
	struct kunit		*test;
	struct fake_hca		*hca;
	struct target		*target;
	struct iscsid		*iscsid;
	struct list_head	sessions;
	u32			next_lba;
};

/* A session as iscsid has it; ep, sid and conn are there or not. */
struct session {
	struct list_head	node;		/* bed->sessions */
	struct bed		*bed;
	struct iscsid_params	params;
	u16			cmds_max;	/* 128 */
	u64			ep;
	bool			has_session, has_conn;
	u32			sid, host_no;
	struct Scsi_Host	*shost;
	struct scsi_device	*sdev, *other_sdev; /* LUN 0; LUN 1 */
	struct fake_qp		*qp;		/* of ep */
};

/* How a test command's buffer lies in memory. */
struct cmd_spec {
	bool	write;
	u32	len;
	u32	offset;			/* into the first page, in all cases */
	u32	piece;			/* bytes per scatter element; 0: all pages */
	u32	timeout;		/* seconds; 0: 60 */
	bool	other_lun;		/* LUN 1, after session_scan_other() */
};

struct test_cmd {
	struct bed		*bed;
	struct cmd_spec		spec;
	u32			lba;
	struct request		*rq;
	struct bio		*bio;
	struct page		**pages;
	unsigned int		num_pages;
	struct completion	done;
	int			result;		/* of the scsi_cmnd */
	u8			sense_key;
};

struct bed *bed_create(struct kunit *test, const struct fake_hca_config *cfg);
void bed_replug(struct bed *bed);
void bed_settle(void);
void bed_expect_nothing_left(struct bed *bed);
void bed_expect_nothing_left_after(struct bed *bed, const char *what,
				   unsigned int n);
void bed_expect_conn_errors(struct bed *bed, unsigned int n);

/* steps of a session; each asserts that it succeeds */
struct session *bed_session(struct bed *bed, const struct iscsid_params *params);
void session_connect(struct session *s);
void session_create(struct session *s);
void session_bind(struct session *s);
void session_login(struct session *s);
void session_scan(struct session *s);
void session_scan_other(struct session *s);
void session_close(struct session *s);
/* likewise; each returns 0, or why the session goes no further */
int session_try_connect(struct session *s);
int session_try_bind(struct session *s);
int session_try_login(struct session *s);
int session_try_scan(struct session *s);
/* the end of a connection, as iscsid makes it */
void session_disconnect(struct session *s);
void session_stop(struct session *s);
void session_log_in_again(struct session *s);
/* several of them */
struct session *bed_logged_in(struct bed *bed,
			      const struct iscsid_params *params);
void session_recover(struct session *s);

/* commands */
struct test_cmd *cmd_submit(struct session *s, const struct cmd_spec *spec);
bool cmd_is_done(struct test_cmd *cmd);
int cmd_wait(struct test_cmd *cmd);
void cmd_expect_good(struct test_cmd *cmd);
void cmd_forget(struct test_cmd *cmd);
struct fake_pdu *bed_next_pdu(struct bed *bed, struct fake_qp *qp, u8 opcode);

#endif
