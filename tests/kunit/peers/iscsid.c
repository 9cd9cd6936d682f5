// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A kernel socket on NETLINK_ISCSI in place of iscsid's. The class handles a
 * request in the sender's context, so that its answer is there when the send
 * returns. A second socket listens to the multicast group for RECV_PDU and
 * CONN_ERROR.
 *
 * Built-in suites run before the system counts as running, and the class would
 * take that for a shutdown and fail sessions at once, without recovery_tmo;
 * iscsid_create() makes it running for as long as the test lasts.
 */
#include <linux/kernel.h>
#include <linux/netlink.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "iscsid.h"
#include "admin.h"

#define ISCSID_BUF	(NLMSG_SPACE(sizeof(struct iscsi_uevent)) + \
			 sizeof(struct iscsi_hdr) + ISCSID_MAX_DATA)

/* The handle is where iscsid finds it: in sysfs. */
static int iscsid_find_transport(struct iscsid *d)
{
	char text[32];
	int ret;

	ret = admin_read("class/iscsi_transport/iser/handle", text, sizeof(text));
	return ret ? ret : kstrtou64(text, 10, &d->transport);
}

static int iscsid_socket(struct socket **sock, u32 groups)
{
	struct sockaddr_nl addr = {
		.nl_family = AF_NETLINK,
		.nl_groups = groups,
	};
	int ret;

	ret = sock_create_kern(&init_net, AF_NETLINK, SOCK_RAW, NETLINK_ISCSI,
			       sock);
	if (ret)
		return ret;
	ret = kernel_bind(*sock, (struct sockaddr_unsized *)&addr, sizeof(addr));
	if (ret)
		sock_release(*sock);
	return ret;
}

static void iscsid_release_socket(void *sock)
{
	sock_release(sock);
}

static void iscsid_stop_running(void *data)
{
	system_state = (unsigned long)data;
}

struct iscsid *iscsid_create(struct kunit *test)
{
	void *state = (void *)(unsigned long)system_state;
	struct iscsid *d;

	d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, d);
	d->buf = kunit_kzalloc(test, ISCSID_BUF, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, d->buf);
	d->test = test;
	KUNIT_ASSERT_EQ(test, iscsid_find_transport(d), 0);
	KUNIT_ASSERT_EQ(test, iscsid_socket(&d->ctl, 0), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test,
							iscsid_release_socket,
							d->ctl), 0);
	KUNIT_ASSERT_EQ(test, iscsid_socket(&d->events, ISCSI_NL_GRP_ISCSID), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test,
							iscsid_release_socket,
							d->events), 0);
	system_state = SYSTEM_RUNNING;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test,
							iscsid_stop_running,
							state), 0);
	return d;
}

static int iscsid_receive(struct iscsid *d, struct socket *sock)
{
	struct msghdr msg = {};
	struct kvec vec = { d->buf, ISCSID_BUF };

	return kernel_recvmsg(sock, &msg, &vec, 1, ISCSID_BUF, MSG_DONTWAIT);
}

static void iscsid_take_event(struct iscsid *d)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)d->buf;
	struct iscsi_uevent *ev = nlmsg_data(nlh);
	u8 *pdu = (u8 *)(ev + 1);

	switch (ev->type) {
	case ISCSI_KEVENT_CONN_ERROR:
		d->n_conn_errors++;
		d->conn_error = ev->r.connerror.error;
		break;
	case ISCSI_KEVENT_RECV_PDU:
		d->n_pdus++;
		memcpy(&d->pdu, pdu, sizeof(d->pdu));
		d->pdu_data_len = min_t(u32, ntoh24(d->pdu.dlength),
					ISCSID_MAX_DATA);
		memcpy(d->pdu_data, pdu + sizeof(d->pdu), d->pdu_data_len);
		break;
	default:
		break;
	}
}

/* Takes note of what the kernel has reported since the last time. */
void iscsid_take_events(struct iscsid *d)
{
	while (iscsid_receive(d, d->events) > 0)
		iscsid_take_event(d);
}

/* One request and its answer, which replaces *ev. */
static int iscsid_request(struct iscsid *d, u32 type, struct iscsi_uevent *ev,
			  const void *data, u32 len)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct msghdr msg = {
		.msg_name = &kernel,
		.msg_namelen = sizeof(kernel),
	};
	struct nlmsghdr *nlh = (struct nlmsghdr *)d->buf;
	struct iscsi_uevent *to = nlmsg_data(nlh);
	struct kvec vec = { d->buf, NLMSG_SPACE(sizeof(*ev) + len) };
	int ret;

	ev->type = type;
	ev->transport_handle = d->transport;
	memset(nlh, 0, sizeof(*nlh));
	nlh->nlmsg_len = NLMSG_LENGTH(sizeof(*ev) + len);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	*to = *ev;
	if (len)
		memcpy(to + 1, data, len);
	ret = kernel_sendmsg(d->ctl, &msg, &vec, 1, vec.iov_len);
	if (ret < 0)
		return ret;
	ret = iscsid_receive(d, d->ctl);
	if (ret < 0)
		return ret;
	*ev = *to;
	return ev->type == ISCSI_KEVENT_IF_ERROR ? (int)ev->iferror : 0;
}

/* For the requests whose answer is a return code. */
static int iscsid_call(struct iscsid *d, u32 type, struct iscsi_uevent *ev,
		       const void *data, u32 len)
{
	int ret = iscsid_request(d, type, ev, data, len);

	return ret ? ret : ev->r.retcode;
}

int iscsid_ep_connect(struct iscsid *d, const struct sockaddr_storage *addr,
		      u64 *ep)
{
	struct iscsi_uevent ev = {
		.u.ep_connect.non_blocking = !d->connect_blocks,
	};
	int ret;

	ret = iscsid_request(d, ISCSI_UEVENT_TRANSPORT_EP_CONNECT, &ev, addr,
			     sizeof(*addr));
	*ep = ret ? 0 : ev.r.ep_connect_ret.handle;
	return ret;
}

int iscsid_ep_poll(struct iscsid *d, u64 ep)
{
	struct iscsi_uevent ev = {
		.u.ep_poll = { .ep_handle = ep, .timeout_ms = 1 },
	};

	return iscsid_call(d, ISCSI_UEVENT_TRANSPORT_EP_POLL, &ev, NULL, 0);
}

int iscsid_ep_disconnect(struct iscsid *d, u64 ep)
{
	struct iscsi_uevent ev = { .u.ep_disconnect.ep_handle = ep };

	return iscsid_request(d, ISCSI_UEVENT_TRANSPORT_EP_DISCONNECT, &ev,
			      NULL, 0);
}

/* An @ep of 0 is none, as software iSCSI has it. */
int iscsid_create_session(struct iscsid *d, u64 ep, u16 cmds_max, u32 *sid,
			  u32 *host_no)
{
	struct iscsi_uevent ev = {
		.u.c_bound_session = {
			.ep_handle = ep,
			.initial_cmdsn = 1,
			.cmds_max = cmds_max,
			.queue_depth = 32,
		},
	};
	int ret;

	if (!ep)
		ev.u.c_session = (struct msg_create_session) { 1, cmds_max, 32 };
	ret = iscsid_request(d, ep ? ISCSI_UEVENT_CREATE_BOUND_SESSION :
			     ISCSI_UEVENT_CREATE_SESSION, &ev, NULL, 0);
	if (ret)
		return ret;
	*sid = ev.r.c_session_ret.sid;
	*host_no = ev.r.c_session_ret.host_no;
	return 0;
}

int iscsid_destroy_session(struct iscsid *d, u32 sid)
{
	struct iscsi_uevent ev = { .u.d_session.sid = sid };

	return iscsid_request(d, ISCSI_UEVENT_DESTROY_SESSION, &ev, NULL, 0);
}

int iscsid_create_conn(struct iscsid *d, u32 sid)
{
	struct iscsi_uevent ev = { .u.c_conn.sid = sid };

	return iscsid_request(d, ISCSI_UEVENT_CREATE_CONN, &ev, NULL, 0);
}

int iscsid_destroy_conn(struct iscsid *d, u32 sid)
{
	struct iscsi_uevent ev = { .u.d_conn.sid = sid };

	return iscsid_request(d, ISCSI_UEVENT_DESTROY_CONN, &ev, NULL, 0);
}

int iscsid_bind_conn(struct iscsid *d, u32 sid, u64 ep)
{
	struct iscsi_uevent ev = {
		.u.b_conn = { .sid = sid, .transport_eph = ep, .is_leading = 1 },
	};

	return iscsid_call(d, ISCSI_UEVENT_BIND_CONN, &ev, NULL, 0);
}

int iscsid_start_conn(struct iscsid *d, u32 sid)
{
	struct iscsi_uevent ev = { .u.start_conn.sid = sid };

	return iscsid_call(d, ISCSI_UEVENT_START_CONN, &ev, NULL, 0);
}

int iscsid_stop_conn(struct iscsid *d, u32 sid, u32 flag)
{
	struct iscsi_uevent ev = { .u.stop_conn = { .sid = sid, .flag = flag } };

	return iscsid_request(d, ISCSI_UEVENT_STOP_CONN, &ev, NULL, 0);
}

int iscsid_unbind_session(struct iscsid *d, u32 sid)
{
	struct iscsi_uevent ev = { .u.d_session.sid = sid };

	return iscsid_request(d, ISCSI_UEVENT_UNBIND_SESSION, &ev, NULL, 0);
}

int iscsid_send_pdu(struct iscsid *d, u32 sid, const struct iscsi_hdr *hdr,
		    const void *data, u32 len)
{
	struct iscsi_uevent ev = {
		.u.send_pdu = {
			.sid = sid,
			.hdr_size = sizeof(*hdr),
			.data_size = len,
		},
	};
	u8 *pdu;
	int ret;

	pdu = kzalloc(sizeof(*hdr) + len, GFP_KERNEL);
	if (!pdu)
		return -ENOMEM;
	memcpy(pdu, hdr, sizeof(*hdr));
	if (len)
		memcpy(pdu + sizeof(*hdr), data, len);
	ret = iscsid_call(d, ISCSI_UEVENT_SEND_PDU, &ev, pdu,
			  sizeof(*hdr) + len);
	kfree(pdu);
	return ret;
}

/* The answer goes to all who listen for events, not to who asked. */
int iscsid_get_stats(struct iscsid *d, u32 sid, struct iscsi_stats *stats)
{
	struct iscsi_uevent *answer = nlmsg_data((struct nlmsghdr *)d->buf);
	struct iscsi_uevent ev = { .u.get_stats.sid = sid };
	int ret;

	ret = iscsid_request(d, ISCSI_UEVENT_GET_STATS, &ev, NULL, 0);
	if (ret != -EAGAIN)
		return ret ? ret : -EPROTO;
	while (iscsid_receive(d, d->events) > 0) {
		if (answer->type == ISCSI_UEVENT_GET_STATS) {
			memcpy(stats, answer + 1,
			       struct_size(stats, custom,
					   ISCSI_STATS_CUSTOM_MAX));
			return 0;
		}
		iscsid_take_event(d);
	}
	return -ENOMSG;
}

int iscsid_set_param(struct iscsid *d, u32 sid, enum iscsi_param param,
		     const char *value)
{
	struct iscsi_uevent ev = {
		.u.set_param = {
			.sid = sid,
			.param = param,
			.len = strlen(value) + 1,
		},
	};

	return iscsid_call(d, ISCSI_UEVENT_SET_PARAM, &ev, value,
			   strlen(value) + 1);
}

static int iscsid_set_number(struct iscsid *d, u32 sid, enum iscsi_param param,
			     u32 value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return iscsid_set_param(d, sid, param, text);
}

/* What iscsid sets before START_CONN, in its order. */
int iscsid_set_params(struct iscsid *d, u32 sid,
		      const struct iscsid_params *params)
{
	const struct {
		enum iscsi_param param;
		u32 value;
	} numbers[] = {
		{ ISCSI_PARAM_SESS_RECOVERY_TMO, params->recovery_tmo ?: 5 },
		{ ISCSI_PARAM_ABORT_TMO, 15 },
		{ ISCSI_PARAM_LU_RESET_TMO, 30 },
		{ ISCSI_PARAM_TGT_RESET_TMO, 30 },
		{ ISCSI_PARAM_PING_TMO, 0 },
		{ ISCSI_PARAM_RECV_TMO, 0 },
		{ ISCSI_PARAM_MAX_RECV_DLENGTH, 262144 },
		{ ISCSI_PARAM_MAX_XMIT_DLENGTH, params->max_xmit ?: 8192 },
		{ ISCSI_PARAM_INITIAL_R2T_EN, !params->no_initial_r2t },
		{ ISCSI_PARAM_IMM_DATA_EN, !params->no_immediate },
		{ ISCSI_PARAM_FIRST_BURST, params->first_burst ?: 65536 },
		{ ISCSI_PARAM_MAX_BURST, 262144 },
		{ ISCSI_PARAM_PDU_INORDER_EN, 1 },
		{ ISCSI_PARAM_DATASEQ_INORDER_EN, 1 },
		{ ISCSI_PARAM_ERL, 0 },
		{ ISCSI_PARAM_DISCOVERY_SESS, params->discovery },
	};
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		ret = iscsid_set_number(d, sid, numbers[i].param,
					numbers[i].value);
		if (ret && ret != -ENOSYS)
			return ret;
	}
	return 0;
}

/* A Login Request: T, and the stages that it is in and would go on to. */
int iscsid_login_stage(struct iscsid *d, u32 sid, u8 flags)
{
	static const char text[] = "InitiatorName=iqn.2010-04.org.example:kunit";
	struct iscsi_login_req req = {
		.opcode = ISCSI_OP_LOGIN | ISCSI_OP_IMMEDIATE,
		.flags = flags,
		.isid = { 0, 2, 0x3d },
	};

	hton24(req.dlength, sizeof(text));
	return iscsid_send_pdu(d, sid, (struct iscsi_hdr *)&req, text,
			       sizeof(text));
}

/* The Login Request into full feature phase, or the one before it. */
int iscsid_login(struct iscsid *d, u32 sid, bool final)
{
	u8 flags = ISCSI_OP_PARMS_NEGOTIATION_STAGE << 2;

	if (final)
		flags |= ISCSI_FLAG_LOGIN_TRANSIT | ISCSI_FULL_FEATURE_PHASE;
	return iscsid_login_stage(d, sid, flags);
}
