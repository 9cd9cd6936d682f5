// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER (RFC 7145) initiator: the iscsi_transport "iser" and its SCSI hosts.
 *
 * libiscsi and the transport class keep sessions, error handling and the
 * dialogue with iscsid; this unit translates their callbacks. Those that come
 * by netlink run one after the other under one mutex for the whole machine, so
 * none of them waits for a peer: ep_connect and ep_disconnect start things,
 * stop_conn waits for a flush that needs nobody's help, and a login's last
 * request for the memory registrations of its session.
 *
 * An endpoint and its iser_conn find each other by an RCU pointer in
 * ep->dd_data, which ep_disconnect clears; a caller may hold the endpoint
 * longer. An iscsi_conn finds its iser_conn in a struct iser_binding, from
 * bind_conn to stop_conn. In between iscsid may be dead, or the class may clean
 * up by itself, in this order: unbind_conn, ep_disconnect, stop_conn.
 *
 * Error handlers. When one of them reports success, SCSI owns its commands
 * again. libiscsi has only dropped its references by then, so the handlers here
 * go on to invalidate what the commands had advertised and wait until each has
 * come to its end, see iser_eh_finish().
 *
 * Module exit. A session pins the module; an endpoint without one does not, and
 * a killed iscsiadm leaves it behind. After the transport is unregistered no
 * callback runs, and what is left is taken down here.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/inet.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include <net/ipv6.h>

#include "iscsi_iser.h"

#define CREATE_TRACE_POINTS
#include "iser_trace.h"

#define ISER_EH_TIMEOUT		(5 * HZ)

MODULE_DESCRIPTION("iSER (iSCSI Extensions for RDMA, RFC 7145) initiator");
MODULE_LICENSE("Dual BSD/GPL");
MODULE_VERSION("1.1");

/* A parameter that has a range. */
struct iser_param {
	int		*value;
	int		min;
	int		max;
	bool		may_be_unset;	/* -1 is allowed as well: the CM chooses */
};

/* Until then values come from the command line and from modprobe.d. */
static bool iser_is_loaded;

static int iser_param_set(const char *text, const struct kernel_param *kp)
{
	const struct iser_param *param = kp->arg;
	const char *or_unset = param->may_be_unset ? ", or -1" : "";
	bool refused = READ_ONCE(iser_is_loaded);
	int value;
	int err;

	err = kstrtoint(text, 0, &value);
	if (err) {
		pr_err("%s=%s is no number\n", kp->name, text);
		return err;
	}
	if ((value < param->min || value > param->max) &&
	    !(param->may_be_unset && value == -1)) {
		pr_err("%s=%d: must be from %d to %d%s; %s\n", kp->name, value, param->min,
		       param->max, or_unset, refused ? "refused" : "taking the nearest");
		if (refused)
			return -ERANGE;
		/* What modprobe.d has must not keep the machine from its storage. */
		value = value < param->min ? param->min : param->max;
	}
	WRITE_ONCE(*param->value, value);
	return 0;
}

static int iser_param_get(char *buf, const struct kernel_param *kp)
{
	const struct iser_param *param = kp->arg;

	return sysfs_emit(buf, "%d\n", *param->value);
}

static const struct kernel_param_ops iser_param_ops = {
	.set = iser_param_set,
	.get = iser_param_get,
};

static int iser_max_lun = 512;
/* LUNs of the flat addressing method are from 16384 on, others larger still. */
static struct iser_param iser_max_lun_param = { &iser_max_lun, 1, INT_MAX };
module_param_cb(max_lun, &iser_param_ops, &iser_max_lun_param, 0444);
MODULE_PARM_DESC(max_lun, "LUNs to look for on a target: all below this number (default 512)");

int iser_max_sectors = 1024;
static struct iser_param iser_max_sectors_param = { &iser_max_sectors, 8, 32768 };
module_param_cb(max_sectors, &iser_param_ops, &iser_max_sectors_param, 0644);
MODULE_PARM_DESC(max_sectors, "largest transfer in sectors of 512 bytes (8 to 32768, default 1024), for new sessions");

bool iser_pi_enable;
module_param_named(pi_enable, iser_pi_enable, bool, 0444);
MODULE_PARM_DESC(pi_enable, "T10 protection information where the device can do it (default N)");

int iser_pi_guard;
static struct iser_param iser_pi_guard_param = { &iser_pi_guard, 0, 1 };
module_param_cb(pi_guard, &iser_param_ops, &iser_pi_guard_param, 0444);
MODULE_PARM_DESC(pi_guard, "T10 guard tag: 0 CRC (default), 1 IP checksum");

static int iser_debug_level;
module_param_named(debug_level, iser_debug_level, int, 0644);
MODULE_PARM_DESC(debug_level, "accepted and without effect; see the trace events in events/iser");

int iser_ack_timeout = -1;
/* On the wire 0 means 'never'. */
static struct iser_param iser_ack_timeout_param = { &iser_ack_timeout, 1, 31, true };
module_param_cb(ack_timeout, &iser_param_ops, &iser_ack_timeout_param, 0644);
MODULE_PARM_DESC(ack_timeout, "how long to wait for an ACK, 4.096 us * 2^n (1 to 31; -1, default: the CM's choice), for new connections");

int iser_tos = -1;
static struct iser_param iser_tos_param = { &iser_tos, 0, 255, true };
module_param_cb(tos, &iser_param_ops, &iser_tos_param, 0644);
MODULE_PARM_DESC(tos, "type of service (0 to 255; -1, default: the CM's choice), for new connections");

int iser_port_down_grace_ms;
static struct iser_param iser_port_down_grace_param = {
	&iser_port_down_grace_ms, 0, 600000
};
module_param_cb(port_down_grace_ms, &iser_param_ops, &iser_port_down_grace_param, 0644);
MODULE_PARM_DESC(port_down_grace_ms, "how long a local port may be down before its connections fail (0 to 600000, default 0)");

static struct scsi_transport_template *iser_scsi_transport;

/* All endpoints, for those that are left at module exit. */
static DEFINE_MUTEX(iser_endpoints_lock);
static LIST_HEAD(iser_endpoints);

static struct iser_conn *iser_ep_conn_get(struct iscsi_endpoint *ep)
{
	struct iser_conn __rcu **slot = ep->dd_data;
	struct iser_conn *conn;

	rcu_read_lock();
	conn = rcu_dereference(*slot);
	if (conn && !iser_conn_get_unless_zero(conn))
		conn = NULL;
	rcu_read_unlock();
	return conn;
}

/* Nothing that could be the address of a portal, whatever the routes. */
static int iser_check_portal(const struct sockaddr *addr)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

	switch (addr->sa_family) {
	case AF_INET:
		if (!in->sin_port || ipv4_is_zeronet(in->sin_addr.s_addr) ||
		    ipv4_is_multicast(in->sin_addr.s_addr) ||
		    ipv4_is_lbcast(in->sin_addr.s_addr))
			return -EADDRNOTAVAIL;
		return 0;
	case AF_INET6:
		if (!in6->sin6_port || ipv6_addr_any(&in6->sin6_addr) ||
		    ipv6_addr_is_multicast(&in6->sin6_addr))
			return -EADDRNOTAVAIL;
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}

static void iser_ep_publish(struct iscsi_endpoint *ep, struct iser_conn *conn)
{
	struct iser_conn __rcu **slot = ep->dd_data;

	mutex_lock(&iser_endpoints_lock);
	conn->ep = ep;
	list_add_tail(&conn->ep_entry, &iser_endpoints);
	mutex_unlock(&iser_endpoints_lock);
	rcu_assign_pointer(*slot, conn);
}

/* Takes the endpoint's reference away from it. */
static struct iser_conn *iser_ep_unpublish(struct iscsi_endpoint *ep)
{
	struct iser_conn __rcu **slot = ep->dd_data;
	struct iser_conn *conn = unrcu_pointer(xchg(slot, NULL));

	if (conn) {
		mutex_lock(&iser_endpoints_lock);
		list_del_init(&conn->ep_entry);
		mutex_unlock(&iser_endpoints_lock);
	}
	return conn;
}

static struct iscsi_endpoint *iser_ep_connect(struct Scsi_Host *shost,
					      struct sockaddr *addr, int non_blocking)
{
	unsigned int noio = memalloc_noio_save();
	struct iscsi_endpoint *ep = NULL;
	struct iser_conn *conn;
	int err;

	err = iser_check_portal(addr);
	if (err) {
		pr_err("%pISpc cannot be a portal (%d)\n", addr, err);
		goto out_restore;
	}
	conn = iser_conn_create(addr);
	if (IS_ERR(conn)) {
		err = PTR_ERR(conn);
		pr_err("%pISpc: no connection could be made (%d)\n", addr, err);
		goto out_restore;
	}
	trace_iser_ep_connect(conn);
	ep = iscsi_create_endpoint(sizeof(conn));
	err = ep ? iser_conn_connect(conn) : -ENOMEM;
	if (!err && !non_blocking)
		err = min(iser_conn_poll(conn, -1), 0);
	if (err) {
		iser_conn_shutdown(conn);
		iser_conn_put(conn);
		if (ep)
			iscsi_destroy_endpoint(ep);
		goto out_restore;
	}
	iser_ep_publish(ep, conn);

out_restore:
	memalloc_noio_restore(noio);
	return err ? ERR_PTR(err) : ep;
}

static int iser_ep_poll(struct iscsi_endpoint *ep, int timeout_ms)
{
	struct iser_conn *conn = iser_ep_conn_get(ep);
	int ret;

	if (!conn)
		return -ENOTCONN;
	ret = iser_conn_poll(conn, timeout_ms);
	iser_conn_put(conn);
	return ret;
}

static void iser_ep_disconnect(struct iscsi_endpoint *ep)
{
	struct iser_conn *conn = iser_ep_unpublish(ep);
	unsigned int noio = memalloc_noio_save();

	if (conn) {
		trace_iser_ep_disconnect(conn);
		iser_conn_shutdown(conn);
	}
	iscsi_destroy_endpoint(ep);
	if (conn) {
		trace_iser_ep_disconnect_done(conn);
		iser_conn_put(conn);
	}
	memalloc_noio_restore(noio);
}

static int iser_get_ep_param(struct iscsi_endpoint *ep, enum iscsi_param param, char *buf)
{
	struct iser_conn *conn;
	int len;

	if (param != ISCSI_PARAM_CONN_ADDRESS && param != ISCSI_PARAM_CONN_PORT)
		return -EOPNOTSUPP;
	conn = iser_ep_conn_get(ep);
	if (!conn)
		return -ENOTCONN;
	len = iscsi_conn_get_addr_param(&conn->portal, param, buf);
	iser_conn_put(conn);
	return len;
}

static const struct scsi_host_template iser_host_template;
static struct iscsi_transport iser_transport;

static struct iscsi_cls_session *iser_create_session(struct iscsi_endpoint *ep,
						     u16 cmds_max, u16 qdepth,
						     u32 initial_cmdsn)
{
	struct iscsi_cls_session *cls_session;
	struct iser_conn *conn = ep ? iser_ep_conn_get(ep) : NULL;
	struct iser_device *device;
	struct Scsi_Host *shost;
	struct iser_host *host;
	int cmds, max_cmds, err;

	if (!conn)
		return NULL;
	if (iser_conn_poll(conn, 0) != 1)
		goto out_put;
	shost = iscsi_host_alloc(&iser_host_template, sizeof(*host), false);
	if (!shost)
		goto out_put;
	shost->transportt = iser_scsi_transport;
	shost->max_lun = iser_max_lun;
	shost->max_id = 0;
	shost->max_channel = 0;
	shost->max_cmd_len = 16;
	shost->cmd_per_lun = qdepth;
	err = iser_conn_lock_setup(conn);
	if (err)
		goto out_free_host;
	device = conn->device;
	iser_device_hold(device);
	iser_conn_unlock_setup(conn);
	iser_host_limit(shost, device);
	max_cmds = iser_host_max_cmds(device);
	cmds = iscsi_host_get_max_scsi_cmds(shost, cmds_max);
	if (cmds < 0)
		goto out_put_device;
	/* As many tasks as were asked for, and as many commands as can be sent. */
	if (cmds > max_cmds)
		iser_conn_log(info, conn, "the send queue holds %d commands of a session, not %d\n",
			      max_cmds, cmds);
	shost->can_queue = min(cmds, max_cmds);
	if (iser_host_add(shost, device))
		goto out_put_device;
	/* Of this libiscsi makes the tasks, by a power of two; no disk is there yet. */
	shost->can_queue = cmds;
	cls_session = iscsi_session_setup(&iser_transport, shost,
					  cmds + ISCSI_MGMT_CMDS_MAX,
					  sizeof(struct iser_session),
					  sizeof(struct iser_task), initial_cmdsn, 0);
	shost->can_queue = min(cmds, max_cmds);
	if (!cls_session)
		goto out_remove_host;
	host = iscsi_host_priv(shost);
	/* Pairs with smp_load_acquire() in iser_get_host_param(). */
	smp_store_release(&host->session, cls_session->dd_data);
	iser_debugfs_add_session(cls_session);
	iser_device_put(device);
	iser_conn_put(conn);
	return cls_session;

out_remove_host:
	iser_host_remove(shost);
out_put_device:
	iser_device_put(device);
out_free_host:
	iscsi_host_free(shost);
out_put:
	iser_conn_put(conn);
	return NULL;
}

static void iser_destroy_session(struct iscsi_cls_session *cls_session)
{
	struct Scsi_Host *shost = iscsi_session_to_shost(cls_session);

	iser_debugfs_remove_session(cls_session);
	iscsi_session_remove(cls_session);
	iser_host_remove(shost);
	iscsi_session_free(cls_session);
	iscsi_host_free(shost);
}

static struct iscsi_cls_conn *iser_create_conn(struct iscsi_cls_session *cls_session,
					       u32 cid)
{
	return iscsi_conn_setup(cls_session, sizeof(struct iser_binding), cid);
}

static int iser_bind_slots(struct iser_conn *conn, struct iscsi_conn *iscsi_conn)
{
	struct iscsi_session *session = iscsi_conn->session;
	struct iser_binding *binding = iscsi_conn->dd_data;

	int err;

	err = iser_conn_lock_setup(conn);
	if (err)
		return err;
	if (conn->ios || !iser_host_fits(session->host, conn) ||
	    conn->device->rq_wrs < session->cmds_max + ISER_UNEXPECTED_PDUS) {
		err = -EINVAL;
	} else {
		conn->stats = &binding->stats;
		err = iser_conn_alloc_ios(conn, session->cmds_max);
	}
	iser_conn_unlock_setup(conn);
	return err;
}

static int iser_bind_conn(struct iscsi_cls_session *cls_session,
			  struct iscsi_cls_conn *cls_conn, u64 transport_eph,
			  int is_leading)
{
	struct iscsi_conn *iscsi_conn = cls_conn->dd_data;
	struct iscsi_session *session = cls_session->dd_data;
	struct iser_binding *binding = iscsi_conn->dd_data;
	unsigned int noio = memalloc_noio_save();
	struct iscsi_endpoint *ep;
	struct iser_conn *conn = NULL;
	int err = -EINVAL;

	ep = iscsi_lookup_endpoint(transport_eph);
	if (!ep)
		goto out_restore;
	conn = iser_ep_conn_get(ep);
	if (!conn) {
		err = -ENOTCONN;
		goto out_put_ep;
	}
	err = iser_conn_poll(conn, 0);
	if (err != 1) {
		err = err ? err : -ENOTCONN;
		goto out_put_conn;
	}
	/* Still coupled: its last connection has not been stopped. */
	if (binding->conn)
		err = -EBUSY;
	/* A session has one connection: commands would go to this one unprepared. */
	else if (session->leadconn && session->leadconn != iscsi_conn)
		err = -EINVAL;
	else
		err = iser_bind_slots(conn, iscsi_conn);
	if (err)
		goto out_put_conn;
	err = iscsi_conn_bind(cls_session, cls_conn, is_leading);
	if (err)
		goto out_put_conn;
	err = iser_conn_couple(conn, iscsi_conn);
	if (err)
		goto out_put_conn;
	/* The binding keeps the reference. */
	spin_lock_bh(&session->frwd_lock);
	binding->conn = conn;
	spin_unlock_bh(&session->frwd_lock);
	iser_vector_bind(conn, binding);
	conn = NULL;

out_put_conn:
	if (err)
		pr_err("%pISpc: the session could not be bound to the connection (%d)\n",
		       &conn->portal, err);
	if (conn)
		iser_conn_put(conn);
out_put_ep:
	iscsi_put_endpoint(ep);
out_restore:
	memalloc_noio_restore(noio);
	return err;
}

/* The connection that an iscsi_conn is bound to, with a reference, or NULL. */
static struct iser_conn *iser_bound_conn_get(struct iscsi_conn *iscsi_conn)
{
	struct iser_binding *binding = iscsi_conn->dd_data;
	struct iser_conn *conn;

	spin_lock_bh(&iscsi_conn->session->frwd_lock);
	conn = binding->conn;
	if (conn)
		iser_conn_get(conn);
	spin_unlock_bh(&iscsi_conn->session->frwd_lock);
	return conn;
}

static void iser_uncouple(struct iscsi_conn *iscsi_conn)
{
	struct iser_binding *binding = iscsi_conn->dd_data;
	struct iser_conn *conn;

	spin_lock_bh(&iscsi_conn->session->frwd_lock);
	conn = binding->conn;
	binding->conn = NULL;
	spin_unlock_bh(&iscsi_conn->session->frwd_lock);
	if (!conn)
		return;
	iser_conn_settle(conn);
	iser_conn_put(conn);
}

/*
 * Room for the Data-Out PDUs that the negotiated values lead to. libiscsi never
 * sends a segment above max_xmit_dlength; targets have no room for more than
 * 8 KiB of data in a PDU, whatever they declare.
 */
static int iser_start_dataouts(struct iser_conn *conn, struct iscsi_conn *iscsi_conn)
{
	struct iscsi_session *session = iscsi_conn->session;
	u32 segment = min(iscsi_conn->max_xmit_dlength, ISCSI_DEF_MAX_RECV_SEG_LEN);
	u32 immediate, unsolicited, count;

	/* Protection information is made and checked where data is registered. */
	if (scsi_host_get_prot(session->host)) {
		session->imm_data_en = 0;
		session->initial_r2t_en = 1;
	}
	if (!segment)
		return session->imm_data_en || !session->initial_r2t_en ? -EINVAL : 0;
	iscsi_conn->max_xmit_dlength = segment;
	if (session->initial_r2t_en)
		return 0;
	unsolicited = min_t(u32, session->first_burst,
			    session->host->max_sectors * SECTOR_SIZE);
	immediate = session->imm_data_en ? min(unsolicited, segment) : 0;
	count = DIV_ROUND_UP(unsolicited - immediate, segment);
	if (!count)
		return 0;
	if (count + conn->cmd_wrs + ISER_CONTROL_WRS > conn->sq_size) {
		iscsi_conn_printk(KERN_ERR, iscsi_conn,
				  "iSER: FirstBurstLength %u in segments of %u needs more send queue than there is (%u)\n",
				  session->first_burst, segment, conn->sq_size);
		return -EINVAL;
	}
	/* No more can be under way than all tasks may send, and the queue may hold. */
	count = roundup_pow_of_two(min(count * session->cmds_max, conn->sq_size));
	/* That of a former start stays as it is: headers in it may be under way. */
	if (conn->dataout_hdrs)
		return count > conn->num_dataouts ? -EINVAL : 0;
	return iser_conn_alloc_dataouts(conn, count);
}

static int iser_start_conn(struct iscsi_cls_conn *cls_conn)
{
	struct iscsi_conn *iscsi_conn = cls_conn->dd_data;
	struct iser_conn *conn = iser_bound_conn_get(iscsi_conn);
	unsigned int noio = memalloc_noio_save();
	int err = -ENOTCONN;

	if (!conn)
		goto out_restore;
	err = iser_conn_poll(conn, 0);
	if (err != 1) {
		err = err ? err : -ENOTCONN;
		goto out_put;
	}
	err = 0;
	if (!iscsi_conn->session->discovery_sess) {
		err = iser_conn_wait_setup(conn);
		if (!err)
			err = iser_conn_lock_setup(conn);
		if (!err) {
			err = iser_start_dataouts(conn, iscsi_conn);
			iser_conn_unlock_setup(conn);
		}
	}
	if (!err)
		err = iscsi_conn_start(cls_conn);
	if (!err)
		iser_debugfs_conn_started(conn);
out_put:
	iser_conn_put(conn);
out_restore:
	memalloc_noio_restore(noio);
	return err;
}

static void iser_stop_conn(struct iscsi_cls_conn *cls_conn, int flag)
{
	struct iscsi_conn *iscsi_conn = cls_conn->dd_data;
	struct iser_conn *conn = iser_bound_conn_get(iscsi_conn);
	unsigned int noio = memalloc_noio_save();

	if (conn) {
		trace_iser_conn_stop(conn);
		iser_conn_shutdown(conn);
		/* Ends when drain_work is through: no peer, no iscsid needed. */
		wait_for_completion(&conn->flush_completion);
		iser_debugfs_conn_stop(conn);
	}
	iscsi_conn_stop(cls_conn, flag);
	iser_uncouple(iscsi_conn);
	if (conn) {
		trace_iser_conn_stop_done(conn);
		iser_conn_put(conn);
	}
	memalloc_noio_restore(noio);
}

static void iser_destroy_conn(struct iscsi_cls_conn *cls_conn)
{
	struct iscsi_conn *iscsi_conn = cls_conn->dd_data;
	struct iser_conn *conn = iser_bound_conn_get(iscsi_conn);

	/* The class does not insist on a stop, without which nobody ends the tasks. */
	if (conn) {
		iser_conn_put(conn);
		iser_stop_conn(cls_conn, STOP_CONN_TERM);
	}
	iser_vector_forget(iscsi_conn->dd_data);
	iscsi_conn_teardown(cls_conn);
}

static int iser_set_param(struct iscsi_cls_conn *cls_conn, enum iscsi_param param,
			  char *buf, int buflen)
{
	struct iscsi_conn *iscsi_conn = cls_conn->dd_data;
	int value;

	switch (param) {
	case ISCSI_PARAM_MAX_XMIT_DLENGTH:
	case ISCSI_PARAM_FIRST_BURST:
	case ISCSI_PARAM_IMM_DATA_EN:
	case ISCSI_PARAM_INITIAL_R2T_EN:
		/* start_conn has made room for what these lead to. */
		if (iscsi_conn->session->state == ISCSI_STATE_LOGGED_IN)
			return -EBUSY;
		return iscsi_set_param(cls_conn, param, buf, buflen);
	case ISCSI_PARAM_HDRDGST_EN:
	case ISCSI_PARAM_DATADGST_EN:
	case ISCSI_PARAM_IFMARKER_EN:
	case ISCSI_PARAM_OFMARKER_EN:
		/* RFC 7145 has neither; the RDMA transport protects the data. */
		if (kstrtoint(buf, 10, &value))
			return -EINVAL;
		return value ? -EPROTO : 0;
	default:
		return iscsi_set_param(cls_conn, param, buf, buflen);
	}
}

/*
 * Before the target may believe that full feature phase has begun, there must
 * be receives for all that it may send then (RFC 7145, 5.1.1).
 */
static int iser_prepare_login(struct iscsi_conn *iscsi_conn, struct iscsi_hdr *hdr)
{
	struct iser_conn *conn = iser_bound_conn_get(iscsi_conn);
	int err = 0;

	if (!conn)
		return -ENOTCONN;
	iser_conn_start_setup(conn);
	if ((hdr->flags & ISCSI_FLAG_LOGIN_TRANSIT) &&
	    ISCSI_LOGIN_NEXT_STAGE(hdr->flags) == ISCSI_FULL_FEATURE_PHASE)
		err = iser_conn_wait_setup(conn);
	iser_conn_put(conn);
	return err;
}

static int iser_send_pdu(struct iscsi_cls_conn *cls_conn, struct iscsi_hdr *hdr,
			 char *data, u32 data_size)
{
	struct iscsi_conn *iscsi_conn = cls_conn->dd_data;
	int err;

	if ((hdr->opcode & ISCSI_OPCODE_MASK) == ISCSI_OP_LOGIN &&
	    !iscsi_conn->session->discovery_sess) {
		err = iser_prepare_login(iscsi_conn, hdr);
		if (err)
			return err;
	}
	return iscsi_conn_send_pdu(cls_conn, hdr, data, data_size);
}

static void iser_get_stats(struct iscsi_cls_conn *cls_conn, struct iscsi_stats *stats)
{
	struct iscsi_conn *iscsi_conn = cls_conn->dd_data;
	struct iser_stats *own = &((struct iser_binding *)iscsi_conn->dd_data)->stats;
	const struct {
		const char	*name;
		u64		value;
	} custom[] = {
		{ "immediate_bytes",		own->immediate_bytes },
		{ "unsolicited_bytes",		own->unsolicited_bytes },
		{ "solicited_bytes",		own->solicited_bytes },
		{ "read_bytes",			own->read_bytes },
		{ "registrations",		own->registrations },
		{ "remote_invalidations",	own->remote_invalidations },
		{ "local_invalidations",	own->local_invalidations },
		{ "sq_full",			own->sq_full },
		{ "eh_aborts",			iscsi_conn->eh_abort_cnt },
	};
	int i;

	stats->txdata_octets = iscsi_conn->txdata_octets;
	stats->rxdata_octets = iscsi_conn->rxdata_octets;
	stats->noptx_pdus = own->pdus_sent[ISCSI_OP_NOOP_OUT];
	stats->scsicmd_pdus = iscsi_conn->scsicmd_pdus_cnt;
	stats->tmfcmd_pdus = iscsi_conn->tmfcmd_pdus_cnt;
	stats->login_pdus = own->pdus_sent[ISCSI_OP_LOGIN];
	stats->text_pdus = own->pdus_sent[ISCSI_OP_TEXT];
	stats->dataout_pdus = iscsi_conn->dataout_pdus_cnt;
	stats->logout_pdus = own->pdus_sent[ISCSI_OP_LOGOUT];
	stats->noprx_pdus = own->pdus_received[ISCSI_OP_NOOP_IN];
	stats->scsirsp_pdus = iscsi_conn->scsirsp_pdus_cnt;
	stats->tmfrsp_pdus = iscsi_conn->tmfrsp_pdus_cnt;
	stats->textrsp_pdus = own->pdus_received[ISCSI_OP_TEXT_RSP];
	stats->logoutrsp_pdus = own->pdus_received[ISCSI_OP_LOGOUT_RSP];
	stats->async_pdus = own->pdus_received[ISCSI_OP_ASYNC_EVENT];
	stats->rjt_pdus = own->pdus_received[ISCSI_OP_REJECT];
	for (i = 0; i < ARRAY_SIZE(custom); i++) {
		strscpy(stats->custom[i].desc, custom[i].name,
			sizeof(stats->custom[i].desc));
		stats->custom[i].value = custom[i].value;
	}
	stats->custom_length = ARRAY_SIZE(custom);
}

/**
 * iser_session_conn - the connection that a session is bound to
 * @session: may be without
 *
 * Context: frwd_lock held.
 * Return: the connection, without a reference, or NULL.
 */
struct iser_conn *iser_session_conn(struct iscsi_session *session)
{
	struct iser_binding *binding;

	lockdep_assert_held(&session->frwd_lock);
	if (!session->leadconn)
		return NULL;
	binding = session->leadconn->dd_data;
	return binding->conn;
}

/* The local address of the session's connection, as iscsi_tcp has it. */
static int iser_get_local_addr(struct iscsi_session *session, int param, char *buf)
{
	struct sockaddr_storage local;
	struct iser_conn *conn;

	spin_lock_bh(&session->frwd_lock);
	conn = iser_session_conn(session);
	if (conn)
		local = conn->local;
	spin_unlock_bh(&session->frwd_lock);
	return conn ? iscsi_conn_get_addr_param(&local, param, buf) : -ENOTCONN;
}

static int iser_get_host_param(struct Scsi_Host *shost, enum iscsi_host_param param,
			       char *buf)
{
	struct iser_host *host = iscsi_host_priv(shost);
	struct iscsi_session *session;

	if (param != ISCSI_HOST_PARAM_IPADDRESS)
		return iscsi_host_get_param(shost, param, buf);
	/* Pairs with smp_store_release() in iser_create_session(). */
	session = smp_load_acquire(&host->session);
	return session ? iser_get_local_addr(session, (int)param, buf) : -ENOTCONN;
}

static int iser_get_conn_param(struct iscsi_cls_conn *cls_conn, enum iscsi_param param,
			       char *buf)
{
	struct iscsi_conn *iscsi_conn = cls_conn->dd_data;

	if (param != ISCSI_PARAM_LOCAL_PORT)
		return iscsi_conn_get_param(cls_conn, param, buf);
	return iser_get_local_addr(iscsi_conn->session, param, buf);
}

static umode_t iser_attr_is_visible(int param_type, int param)
{
	switch (param_type) {
	case ISCSI_HOST_PARAM:
		switch (param) {
		case ISCSI_HOST_PARAM_NETDEV_NAME:
		case ISCSI_HOST_PARAM_HWADDRESS:
		case ISCSI_HOST_PARAM_INITIATOR_NAME:
		case ISCSI_HOST_PARAM_IPADDRESS:
			return 0444;
		default:
			return 0;
		}
	case ISCSI_PARAM:
		switch (param) {
		case ISCSI_PARAM_MAX_RECV_DLENGTH:
		case ISCSI_PARAM_MAX_XMIT_DLENGTH:
		case ISCSI_PARAM_HDRDGST_EN:
		case ISCSI_PARAM_DATADGST_EN:
		case ISCSI_PARAM_CONN_ADDRESS:
		case ISCSI_PARAM_CONN_PORT:
		case ISCSI_PARAM_LOCAL_PORT:
		case ISCSI_PARAM_EXP_STATSN:
		case ISCSI_PARAM_PERSISTENT_ADDRESS:
		case ISCSI_PARAM_PERSISTENT_PORT:
		case ISCSI_PARAM_PING_TMO:
		case ISCSI_PARAM_RECV_TMO:
		case ISCSI_PARAM_INITIAL_R2T_EN:
		case ISCSI_PARAM_MAX_R2T:
		case ISCSI_PARAM_IMM_DATA_EN:
		case ISCSI_PARAM_FIRST_BURST:
		case ISCSI_PARAM_MAX_BURST:
		case ISCSI_PARAM_PDU_INORDER_EN:
		case ISCSI_PARAM_DATASEQ_INORDER_EN:
		case ISCSI_PARAM_ERL:
		case ISCSI_PARAM_TARGET_NAME:
		case ISCSI_PARAM_TPGT:
		case ISCSI_PARAM_USERNAME:
		case ISCSI_PARAM_PASSWORD:
		case ISCSI_PARAM_USERNAME_IN:
		case ISCSI_PARAM_PASSWORD_IN:
		case ISCSI_PARAM_FAST_ABORT:
		case ISCSI_PARAM_ABORT_TMO:
		case ISCSI_PARAM_LU_RESET_TMO:
		case ISCSI_PARAM_TGT_RESET_TMO:
		case ISCSI_PARAM_IFACE_NAME:
		case ISCSI_PARAM_INITIATOR_NAME:
		case ISCSI_PARAM_DISCOVERY_SESS:
		case ISCSI_PARAM_BOOT_ROOT:
		case ISCSI_PARAM_BOOT_NIC:
		case ISCSI_PARAM_BOOT_TARGET:
			return 0444;
		default:
			return 0;
		}
	default:
		return 0;
	}
}

/* What the success of an error handler covers. */
enum iser_eh_scope {
	ISER_EH_COMMAND,
	ISER_EH_LUN,
	ISER_EH_TARGET,
};

/* Does the handler that was called for @sc give the command of @task back? */
static bool iser_eh_covers(enum iser_eh_scope scope, struct scsi_cmnd *sc,
			   struct iscsi_task *task)
{
	if (!task->sc || task->state == ISCSI_TASK_FREE)
		return false;
	if (scope == ISER_EH_COMMAND)
		return task->sc == sc;
	/* Commands that came after the reset are none of its. */
	return iscsi_task_is_completed(task) &&
	       (scope == ISER_EH_TARGET || task->sc->device->lun == sc->device->lun);
}

/*
 * Invalidate what the covered commands have advertised, once each. Returns
 * whether one of them has not come to its end.
 */
static bool iser_eh_pending(struct iscsi_session *session, enum iser_eh_scope scope,
			    struct scsi_cmnd *sc)
{
	struct iser_conn *conn;
	struct iscsi_task *task;
	bool pending = false;
	struct iser_io *io;
	int i;

	spin_lock_bh(&session->frwd_lock);
	/* Torn down: all tasks have come to their end, their array may be gone. */
	if (!session->leadconn) {
		spin_unlock_bh(&session->frwd_lock);
		return false;
	}
	conn = iser_session_conn(session);
	spin_lock(&session->back_lock);
	for (i = 0; i < session->cmds_max; i++) {
		task = session->cmds[i];
		if (!iser_eh_covers(scope, sc, task))
			continue;
		pending = true;
		io = ((struct iser_task *)task->dd_data)->io;
		if (io && io->conn == conn && conn->state == ISER_CONN_UP &&
		    !READ_ONCE(conn->err) && iser_io_claim_rkey(io))
			iser_io_invalidate(io);
	}
	spin_unlock(&session->back_lock);
	spin_unlock_bh(&session->frwd_lock);
	return pending;
}

/*
 * libiscsi's handler has succeeded: wait until the HCA is done with all that
 * this covers. Returns FAILED, and fails the connection, if it does not come to
 * that.
 */
static int iser_eh_finish(enum iser_eh_scope scope, struct scsi_cmnd *sc)
{
	struct iscsi_cls_session *cls_session =
		starget_to_session(scsi_target(sc->device));
	struct iscsi_session *session = cls_session->dd_data;
	unsigned long deadline = jiffies + ISER_EH_TIMEOUT;
	struct iser_conn *conn;

	/* Ends by the deadline. */
	while (iser_eh_pending(session, scope, sc)) {
		if (time_before(jiffies, deadline)) {
			usleep_range(200, 1000);
			continue;
		}
		spin_lock_bh(&session->frwd_lock);
		conn = iser_session_conn(session);
		if (conn)
			iser_conn_fail(conn, "aborted commands did not come to an end",
				       -ETIMEDOUT);
		spin_unlock_bh(&session->frwd_lock);
		return FAILED;
	}
	return SUCCESS;
}

static int iser_eh_abort(struct scsi_cmnd *sc)
{
	int ret = iscsi_eh_abort(sc);

	return ret == SUCCESS ? iser_eh_finish(ISER_EH_COMMAND, sc) : ret;
}

static int iser_eh_device_reset(struct scsi_cmnd *sc)
{
	int ret = iscsi_eh_device_reset(sc);

	return ret == SUCCESS ? iser_eh_finish(ISER_EH_LUN, sc) : ret;
}

static int iser_eh_target_reset(struct scsi_cmnd *sc)
{
	int ret = iscsi_eh_recover_target(sc);

	/* FAILED by the last handler would take the disks offline. */
	if (ret == SUCCESS && iser_eh_finish(ISER_EH_TARGET, sc) != SUCCESS)
		ret = iscsi_eh_session_reset(sc);
	return ret;
}

static const struct scsi_host_template iser_host_template = {
	.module			= THIS_MODULE,
	.name			= "iSCSI Initiator over iSER",
	.proc_name		= "iscsi_iser",
	.queuecommand		= iscsi_queuecommand,
	.change_queue_depth	= scsi_change_queue_depth,
	.cmd_size		= sizeof(struct iscsi_cmd),
	.eh_timed_out		= iscsi_eh_cmd_timed_out,
	.eh_abort_handler	= iser_eh_abort,
	.eh_device_reset_handler = iser_eh_device_reset,
	.eh_target_reset_handler = iser_eh_target_reset,
	.target_alloc		= iscsi_target_alloc,
	.this_id		= -1,
	.track_queue_depth	= 1,
};

static struct iscsi_transport iser_transport = {
	.owner			= THIS_MODULE,
	.name			= "iser",
	.caps			= CAP_RECOVERY_L0 | CAP_MULTI_R2T | CAP_TEXT_NEGO,
	.create_session		= iser_create_session,
	.destroy_session	= iser_destroy_session,
	.create_conn		= iser_create_conn,
	.bind_conn		= iser_bind_conn,
	.unbind_conn		= iscsi_conn_unbind,
	.destroy_conn		= iser_destroy_conn,
	.attr_is_visible	= iser_attr_is_visible,
	.set_param		= iser_set_param,
	.get_conn_param		= iser_get_conn_param,
	.get_ep_param		= iser_get_ep_param,
	.get_session_param	= iscsi_session_get_param,
	.start_conn		= iser_start_conn,
	.stop_conn		= iser_stop_conn,
	.get_host_param		= iser_get_host_param,
	.set_host_param		= iscsi_host_set_param,
	.send_pdu		= iser_send_pdu,
	.get_stats		= iser_get_stats,
	.alloc_pdu		= iser_alloc_pdu,
	.init_task		= iser_init_task,
	.xmit_task		= iser_xmit_task,
	.cleanup_task		= iser_cleanup_task,
	.check_protection	= iser_check_protection,
	.session_recovery_timedout = iscsi_session_recovery_timedout,
	.ep_connect		= iser_ep_connect,
	.ep_poll		= iser_ep_poll,
	.ep_disconnect		= iser_ep_disconnect,
};

static int __init iser_init(void)
{
	int err;

	err = iser_verbs_init();
	if (err)
		return err;
	iser_debugfs_init();
	iser_scsi_transport = iscsi_register_transport(&iser_transport);
	if (!iser_scsi_transport) {
		iser_debugfs_exit();
		iser_verbs_exit();
		return -ENOMEM;
	}
	WRITE_ONCE(iser_is_loaded, true);
	return 0;
}

static void __exit iser_exit(void)
{
	struct iser_conn *conn;

	/* No callback of the class runs after this. */
	iscsi_unregister_transport(&iser_transport);
	while ((conn = list_first_entry_or_null(&iser_endpoints, struct iser_conn,
						ep_entry)))
		iser_ep_disconnect(conn->ep);
	iser_debugfs_exit();
	iser_verbs_exit();
}

module_init(iser_init);
module_exit(iser_exit);
