// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER (RFC 7145) initiator: the iscsi_transport "iser", and the way through it.
 *
 * libiscsi and the transport class keep sessions, error handling and the dialogue
 * with iscsid. They know this module by the two tables at the end of this file; its
 * callbacks are
 *
 *   endpoints, that is, connections as iscsid sees them	iser_ep.c
 *   sessions, binding, start and stop				here
 *   a task: its slot, sending, its end				iser_io.c,
 *								iser_initiator.c
 *   statistics and attributes					iser_attr.c
 *   SCSI's error handlers					iser_eh.c
 *
 * and what they do is done by
 *
 *   the RDMA connection: states, failure, teardown		iser_verbs.c
 *   its dealings with the connection manager			iser_cm.c
 *   receiving							iser_receive.c
 *   the memory that the HCA sees				iser_memory.c
 *   T10 protection information					iser_pi.c
 *   RDMA devices: limits, events, removal			iser_device.c
 *   their completion vectors					iser_vector.c
 *   SCSI hosts							iser_host.c
 *   parameters							iser_param.c
 *   the debugfs file of a session				iser_debugfs.c
 *
 * Callbacks that come by netlink run one after the other under one mutex for the
 * whole machine, so none of those here waits for a peer: stop_conn waits for a flush
 * that needs nobody's help, and a login's last request for the memory registrations
 * of its session.
 *
 * An iscsi_conn finds its iser_conn in a struct iser_binding, from bind_conn to
 * stop_conn. In between iscsid may be dead, or the class may clean up by itself, in
 * this order: unbind_conn, ep_disconnect, stop_conn.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/log2.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "iscsi_iser.h"

#define CREATE_TRACE_POINTS
#include "iser_trace.h"

MODULE_DESCRIPTION("iSER (iSCSI Extensions for RDMA, RFC 7145) initiator");
MODULE_LICENSE("Dual BSD/GPL");
MODULE_VERSION("1.1");

static struct scsi_transport_template *iser_scsi_transport;
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
	max_cmds = device->max_cmds;
	cmds = iscsi_host_get_max_scsi_cmds(shost, cmds_max);
	if (cmds < 0)
		goto out_put_device;
	/* As many tasks as were asked for, and as many commands as can be sent. */
	if (cmds > max_cmds)
		iser_conn_log(conn, KERN_INFO,
			      "the queues hold %d commands of a session, not %d\n",
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
	/* Pairs with smp_load_acquire() in iser_attr_get_host_param(). */
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
	iscsi_host_free(shost);
	/* Last, for it may drop the module's last reference; until then it holds the host. */
	iscsi_session_free(cls_session);
}

static struct iscsi_cls_conn *iser_create_conn(struct iscsi_cls_session *cls_session,
					       u32 cid)
{
	struct iscsi_cls_conn *cls_conn;
	struct iser_binding *binding;
	struct iser_stats *stats;

	stats = kzalloc_obj(*stats, GFP_KERNEL);
	if (!stats)
		return NULL;
	cls_conn = iscsi_conn_setup(cls_session, sizeof(*binding), cid);
	if (!cls_conn) {
		kfree(stats);
		return NULL;
	}
	binding = ((struct iscsi_conn *)cls_conn->dd_data)->dd_data;
	binding->stats = stats;
	return cls_conn;
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

/**
 * iser_session_conn_get - the connection that a session is bound to
 * @session: may be without
 *
 * Context: process.
 * Return: the connection with a reference, or NULL.
 */
struct iser_conn *iser_session_conn_get(struct iscsi_session *session)
{
	struct iser_conn *conn;

	spin_lock_bh(&session->frwd_lock);
	conn = iser_session_conn(session);
	if (conn)
		iser_conn_get(conn);
	spin_unlock_bh(&session->frwd_lock);
	return conn;
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

static int iser_bind_slots(struct iser_conn *conn, struct iscsi_conn *iscsi_conn)
{
	struct iscsi_session *session = iscsi_conn->session;
	struct iser_binding *binding = iscsi_conn->dd_data;
	int err;

	err = iser_conn_lock_setup(conn);
	if (err)
		return err;
	if (conn->ios || !iser_host_fits(session->host, conn->device) ||
	    session->cmds_max > conn->device->max_tasks) {
		err = -EINVAL;
	} else {
		conn->stats = binding->stats;
		/* An entry of the send queue aside for each command's LOCAL_INV. */
		conn->sq_size = conn->device->sq_wrs - session->host->can_queue;
		conn->sq_room = conn->sq_size - ISER_CONTROL_WRS;
		err = iser_mem_alloc_ios(conn, session->cmds_max);
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
	/* Still bound: its last connection has not been stopped. */
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
	err = iser_conn_bind(conn, iscsi_conn);
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

/*
 * Room for the Data-Out PDUs that the negotiated values lead to. libiscsi never
 * sends a segment above max_xmit_dlength; targets have no room for more than
 * 8 KiB of data in a PDU, whatever they declare.
 */
static int iser_start_dataouts(struct iser_conn *conn, struct iscsi_conn *iscsi_conn)
{
	struct iscsi_session *session = iscsi_conn->session;
	u32 segment = min(iscsi_conn->max_xmit_dlength, ISCSI_DEF_MAX_RECV_SEG_LEN);
	u32 immediate, unsolicited, count, room;

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
	/* All that there is when the queue is at rest. */
	room = conn->sq_size - conn->sq_unsignalled - ISER_CONTROL_WRS;
	if (conn->reg_wrs + 1 + count > room) {
		iscsi_conn_printk(KERN_ERR, iscsi_conn,
				  "iSER: FirstBurstLength %u in segments of %u needs more send queue than there is (%u)\n",
				  session->first_burst, segment, room);
		return -EINVAL;
	}
	/* No more can be under way than all tasks may send, and the queue may hold. */
	count = roundup_pow_of_two(min(count * session->cmds_max, conn->sq_size));
	/* A start that is repeated keeps the ring: its headers may be under way. */
	if (conn->dataout_hdrs)
		return count > conn->num_dataouts ? -EINVAL : 0;
	return iser_mem_alloc_dataouts(conn, count);
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
	struct iser_binding *binding = iscsi_conn->dd_data;
	unsigned int noio = memalloc_noio_save();
	struct iser_conn *bound;

	if (conn) {
		trace_iser_conn_stop(conn);
		iser_conn_shutdown(conn);
		/* Ends when drain_work or kill_qp_work is through: no peer, no iscsid needed. */
		wait_for_completion(&conn->flush_completion);
		iser_debugfs_conn_stop(conn);
	}
	iscsi_conn_stop(cls_conn, flag);
	/* The binding's reference goes with it, once. */
	spin_lock_bh(&iscsi_conn->session->frwd_lock);
	bound = binding->conn;
	binding->conn = NULL;
	spin_unlock_bh(&iscsi_conn->session->frwd_lock);
	if (bound) {
		iser_conn_stop(bound);
		iser_conn_put(bound);
	}
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
	struct iser_binding *binding = iscsi_conn->dd_data;

	/* The class does not insist on a stop, without which nobody ends the tasks. */
	if (conn) {
		iser_conn_put(conn);
		iser_stop_conn(cls_conn, STOP_CONN_TERM);
	}
	iser_vector_forget(binding);
	kfree(binding->stats);
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
static int iser_login_wait_setup(struct iscsi_conn *iscsi_conn, struct iscsi_hdr *hdr)
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
		err = iser_login_wait_setup(iscsi_conn, hdr);
		if (err)
			return err;
	}
	return iscsi_conn_send_pdu(cls_conn, hdr, data, data_size);
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
	.get_conn_param		= iser_attr_get_conn_param,
	.get_ep_param		= iser_ep_get_param,
	.get_session_param	= iscsi_session_get_param,
	.start_conn		= iser_start_conn,
	.stop_conn		= iser_stop_conn,
	.get_host_param		= iser_attr_get_host_param,
	.set_host_param		= iscsi_host_set_param,
	.send_pdu		= iser_send_pdu,
	.get_stats		= iser_attr_get_stats,
	.alloc_pdu		= iser_alloc_pdu,
	.init_task		= iser_init_task,
	.xmit_task		= iser_xmit_task,
	.cleanup_task		= iser_cleanup_task,
	.check_protection	= iser_pi_check_protection,
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
	WRITE_ONCE(iser_param_refuses, true);
	return 0;
}

static void __exit iser_exit(void)
{
	/* No callback of the class runs after this. */
	iscsi_unregister_transport(&iser_transport);
	iser_ep_disconnect_all();
	iser_debugfs_exit();
	iser_verbs_exit();
}

module_init(iser_init);
module_exit(iser_exit);
