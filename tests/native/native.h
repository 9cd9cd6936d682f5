/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the bench stands on: the lean HCA, a session over it, and SCSI commands that go
 * to the initiator again and again.
 */
#ifndef NATIVE_H
#define NATIVE_H

#include <linux/completion.h>
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_device.h>
#include <scsi/scsi_host.h>

#include "iscsid.h"
#include "lean_hca.h"

#define NATIVE_MAX_DEPTH	32

struct native {
	struct kunit		*test;
	struct lean_hca		*hca;
	struct iscsid		*iscsid;
	/* the session, as far as it has come */
	u64			ep;
	u32			sid, host_no;
	bool			has_session, has_conn;
	struct Scsi_Host	*shost;
	struct scsi_device	*sdev;

	struct scsi_cmnd	*sc[NATIVE_MAX_DEPTH];
	unsigned int		n_sc;		/* commands that there are */
	struct completion	done;		/* once for each that was sent */
};

struct bare;

/* native_session.c */
struct lean_hca *native_hca_create(struct kunit *test);
struct native *native_create(struct kunit *test);

/* native_cmd.c */
bool native_cmds_create(struct native *native, bool write, u32 len, unsigned int count);
void native_cmds_destroy(struct native *native);
u64 native_cmds_run(void *what, unsigned int depth, unsigned int count);

/* native_bare.c */
struct bare *native_bare_create(struct kunit *test);
u64 native_bare_run(void *what, unsigned int depth, unsigned int count);

#endif
