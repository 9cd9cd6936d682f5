/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * iscsid's part, over the netlink socket that iscsid uses: each call is one
 * request to the transport class and its answer.
 */
#ifndef TEST_ISCSID_H
#define TEST_ISCSID_H

#include <kunit/test.h>
#include <linux/net.h>
#include <linux/socket.h>
#include <scsi/iscsi_if.h>
#include <scsi/iscsi_proto.h>

#define ISCSID_MAX_DATA		8192

struct iscsid {
	struct kunit	*test;
	struct socket	*ctl;		/* requests and their answers */
	struct socket	*events;	/* what the kernel reports to iscsid */
	u64		transport;	/* handle of "iser" */
	u8		*buf;
	bool		connect_blocks;	/* as iscsid's discovery has it */

	/* events taken so far by iscsid_take_events() */
	unsigned int	n_conn_errors;
	int		conn_error;	/* the last one */
	unsigned int	n_pdus;
	struct iscsi_hdr pdu;		/* the last one */
	u32		pdu_data_len;
	u8		pdu_data[ISCSID_MAX_DATA];
};

/* What was negotiated, as iscsid tells the kernel; 0 stands for the default. */
struct iscsid_params {
	bool	no_immediate;
	bool	no_initial_r2t;
	u32	first_burst;		/* 65536 */
	u32	max_xmit;		/* 8192 */
	u32	recovery_tmo;		/* 5 seconds */
	bool	discovery;
};

struct iscsid *iscsid_create(struct kunit *test);
void iscsid_take_events(struct iscsid *d);

/* Each returns 0 (ep_poll: 1) or a negative errno. */
int iscsid_ep_connect(struct iscsid *d, const struct sockaddr_storage *addr,
		      u64 *ep);
int iscsid_ep_poll(struct iscsid *d, u64 ep);
int iscsid_ep_disconnect(struct iscsid *d, u64 ep);
int iscsid_create_session(struct iscsid *d, u64 ep, u16 cmds_max, u32 *sid,
			  u32 *host_no);
int iscsid_destroy_session(struct iscsid *d, u32 sid);
int iscsid_create_conn(struct iscsid *d, u32 sid);
int iscsid_destroy_conn(struct iscsid *d, u32 sid);
int iscsid_bind_conn(struct iscsid *d, u32 sid, u64 ep);
int iscsid_start_conn(struct iscsid *d, u32 sid);
int iscsid_stop_conn(struct iscsid *d, u32 sid, u32 flag);
int iscsid_unbind_session(struct iscsid *d, u32 sid);
int iscsid_send_pdu(struct iscsid *d, u32 sid, const struct iscsi_hdr *hdr,
		    const void *data, u32 len);
int iscsid_get_stats(struct iscsid *d, u32 sid, struct iscsi_stats *stats);
int iscsid_set_param(struct iscsid *d, u32 sid, enum iscsi_param param,
		     const char *value);
int iscsid_set_params(struct iscsid *d, u32 sid,
		      const struct iscsid_params *params);
int iscsid_login_stage(struct iscsid *d, u32 sid, u8 flags);
int iscsid_login(struct iscsid *d, u32 sid, bool final);

#endif
