// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: the RDMA connection, from ep_connect to its release.
 *
 * Coming up. The CM's events make PD, CQ, QP and the receives of the login phase
 * (iser_cm.c). MRs and the other receives need the session's size, take long, and
 * are made by setup_work during the login. The drain closes the setup: from then
 * on nothing is made any more.
 *
 * Failing. Whatever goes wrong ends in iser_conn_fail(), from any context. The
 * first failure wins and queues fail_work, which alone tells the administrator
 * and libiscsi. Nothing is freed: libiscsi's own recovery comes back with
 * ep_disconnect and stop_conn. Only what was never bound goes down at once.
 *
 * Going down. iser_conn_shutdown() moves to TERMINATING, after which nobody
 * posts and no failure is reported, and queues drain_work. That closes the
 * setup, disconnects without waiting for an answer, and drains: receives
 * first, since a response that is being handled may still post a LOCAL_INV.
 * The flush ends every rkey, because the QP is the only one of its PD; slots
 * that the HCA still owned are taken back. When the flush is over, and whoever
 * stops the connection for libiscsi has done so (stop_conn, or device removal
 * in place of a dead iscsid; nobody if it was never bound), release_work
 * returns everything. It is queued by the later of the two, so no work ever
 * waits for user space, and it has a workqueue of its own, since it may take
 * long and wait for others' works, as storage's recovery must not.
 *
 * The memory goes with the last reference. These hold one: the endpoint, until
 * ep_disconnect; the binding, until stop_conn; each task that outlives the stop;
 * setup_work; whoever has looked it up, for the time of the look; and the release
 * one until its end, under which the other works run.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "iscsi_iser.h"
#include "iser_trace.h"

/*
 * Setup, failure and flush: storage waits for them, so that they need no new
 * thread, and wait for no work that does.
 */
static struct workqueue_struct *iser_wq;
/*
 * Releases, for which no storage waits. In several providers, and in the CM's
 * address resolution, destroying a QP or a CM id waits for an ordinary work.
 */
static struct workqueue_struct *iser_release_wq;

static atomic_t iser_conn_ids;
static atomic_t iser_conn_count;

/* The only place that writes the state. True for the one who made the change. */
static bool iser_conn_change_state(struct iser_conn *conn, enum iser_conn_state to)
{
	static const u8 allowed[] = {
		[ISER_CONN_CONNECTING]	= 0,
		[ISER_CONN_UP]		= BIT(ISER_CONN_CONNECTING),
		[ISER_CONN_TERMINATING]	= BIT(ISER_CONN_CONNECTING) | BIT(ISER_CONN_UP),
		[ISER_CONN_DOWN]	= BIT(ISER_CONN_TERMINATING),
	};
	enum iser_conn_state from = conn->state;

	lockdep_assert_held(&conn->state_lock);
	if (!(allowed[to] & BIT(from)))
		return false;
	WRITE_ONCE(conn->state, to);
	trace_iser_conn_state(conn, from, to);
	return true;
}

static void iser_conn_free_work(struct work_struct *work)
{
	struct iser_conn *conn = container_of(work, struct iser_conn, free_work);

	iser_mem_free_ios(conn);
	if (conn->iscsi_conn)
		iscsi_put_conn(conn->iscsi_conn->cls_conn);
	atomic_dec(&iser_conn_count);
	kfree_rcu(conn, rcu);
}

static void iser_conn_free(struct kref *ref)
{
	struct iser_conn *conn = container_of(ref, struct iser_conn, ref);

	/* The last put may hold the back_lock of a session that this may free. */
	queue_work(iser_release_wq, &conn->free_work);
}

/**
 * iser_conn_log - write a line to the log, with where the connection leads
 * @conn: in any state
 * @level: KERN_ERR or another
 * @fmt: what there is to say of it
 *
 * Context: any.
 */
void iser_conn_log(const struct iser_conn *conn, const char *level, const char *fmt, ...)
{
	struct va_format message = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	message.va = &args;
	_printk("%s" KBUILD_MODNAME ": %pISpc (%s/%u, conn %u): %pV", level, &conn->portal,
		conn->ibdev ? conn->device_name : "no device", conn->port, conn->id,
		&message);
	va_end(args);
}

/**
 * iser_conn_get - one more reference
 * @conn: of which the caller has or borrows one
 */
void iser_conn_get(struct iser_conn *conn)
{
	kref_get(&conn->ref);
}

/**
 * iser_conn_get_unless_zero - a reference from an RCU pointer
 * @conn: read under rcu_read_lock()
 *
 * Return: false if the connection is about to be freed.
 */
bool iser_conn_get_unless_zero(struct iser_conn *conn)
{
	return kref_get_unless_zero(&conn->ref);
}

/**
 * iser_conn_put - one reference less
 * @conn: not to be touched afterwards
 *
 * Context: any but hard irq.
 */
void iser_conn_put(struct iser_conn *conn)
{
	kref_put(&conn->ref, iser_conn_free);
}

/**
 * iser_conn_fail - this connection is of no use any more
 * @conn: in any state
 * @cause: in words that an administrator understands; a constant
 * @err: negative errno, what ep_poll and bind_conn return from now on
 *
 * Only the first call has an effect, and none once the connection is being taken
 * down: what happens then is no failure. libiscsi hears of it from fail_work.
 *
 * Context: any; frwd_lock, back_lock may be held.
 */
void iser_conn_fail(struct iser_conn *conn, const char *cause, int err)
{
	unsigned long flags;

	spin_lock_irqsave(&conn->state_lock, flags);
	if (!conn->err && iser_conn_is_live(conn)) {
		/* Before anything that follows from it. */
		trace_iser_conn_fail(conn, cause, err);
		/* In one step, lest somebody rely on a report that is not queued. */
		conn->cause = cause;
		WRITE_ONCE(conn->err, err);
		iser_debugfs_conn_failed(conn);
		queue_work(iser_wq, &conn->fail_work);
	}
	spin_unlock_irqrestore(&conn->state_lock, flags);
}

/**
 * iser_conn_wc_failed - a work request has completed with an error
 * @conn: its connection
 * @wc: the completion
 * @kind: of work request
 * @itt: of its task; RESERVED_ITT for a receive
 *
 * Context: completion handler.
 */
void iser_conn_wc_failed(struct iser_conn *conn, struct ib_wc *wc,
			 enum iser_wr_kind kind, itt_t itt)
{
	if (wc->status == IB_WC_WR_FLUSH_ERR) {
		/*
		 * The first flush tells something; many follow. But before there
		 * is a connection it only announces that the CM, which puts the
		 * QP into the error state first, is about to say why. What is
		 * posted later is flushed as well.
		 */
		if (READ_ONCE(conn->state) != ISER_CONN_CONNECTING)
			iser_conn_fail(conn, "the queue pair was flushed", -ECONNRESET);
		return;
	}
	trace_iser_wc_err(conn, wc, kind, itt);
	iser_conn_fail(conn, ib_wc_status_msg(wc->status), -ECONNRESET);
}

/**
 * iser_conn_port_down - the local port is down
 * @conn: that uses it
 *
 * Fails the connection; with port_down_grace_ms only after that time, if the port
 * is down then. Events of a port may be told in another order than they came in,
 * so that none of them ends the grace period: the port itself is asked.
 *
 * Context: any but hard irq.
 */
void iser_conn_port_down(struct iser_conn *conn)
{
	int grace = READ_ONCE(iser_port_down_grace_ms);

	if (!grace) {
		iser_conn_fail(conn, "the local port went down", -ENETDOWN);
		return;
	}
	spin_lock_irq(&conn->state_lock);
	if (iser_conn_is_live(conn))
		mod_delayed_work(iser_wq, &conn->port_down_work,
				 msecs_to_jiffies(grace));
	spin_unlock_irq(&conn->state_lock);
}

static void iser_conn_port_down_work(struct work_struct *work)
{
	struct iser_conn *conn = container_of(to_delayed_work(work), struct iser_conn,
					      port_down_work);
	unsigned int noio = memalloc_noio_save();
	struct ib_port_attr attr;
	int err;

	/* Not the cache, which is as old as the last event that it has seen. */
	err = ib_query_port(conn->ibdev, conn->port, &attr);
	memalloc_noio_restore(noio);
	if (!err && attr.state == IB_PORT_ACTIVE)
		return;
	iser_conn_fail(conn, "the local port stayed down", -ENETDOWN);
}

/* The flush is over, or the stop; the later one queues the release. */
static void iser_conn_ended(struct iser_conn *conn, enum iser_conn_end end)
{
	spin_lock_irq(&conn->state_lock);
	if (!(conn->ended & end)) {
		conn->ended |= end;
		if (conn->ended == (ISER_CONN_FLUSHED | ISER_CONN_STOPPED))
			queue_work(iser_release_wq, &conn->release_work);
	}
	spin_unlock_irq(&conn->state_lock);
}

/* False if the connection has been bound since @iscsi_conn was read. */
static bool iser_conn_terminate(struct iser_conn *conn, struct iscsi_conn *iscsi_conn)
{
	bool current_binding;

	spin_lock_irq(&conn->state_lock);
	current_binding = conn->iscsi_conn == iscsi_conn;
	if (current_binding && iser_conn_change_state(conn, ISER_CONN_TERMINATING)) {
		conn->terminated = ktime_get();
		/* What was never bound has nobody to stop it. */
		if (!iscsi_conn)
			conn->ended |= ISER_CONN_STOPPED;
		queue_work(iser_wq, &conn->drain_work);
	}
	spin_unlock_irq(&conn->state_lock);
	wake_up_all(&conn->state_wait);
	return current_binding;
}

static void iser_conn_fail_work(struct work_struct *work)
{
	struct iser_conn *conn = container_of(work, struct iser_conn, fail_work);
	struct iscsi_conn *iscsi_conn;

	/* Either this sees a concurrent bind, or the bind sees the failure. */
	spin_lock_irq(&conn->state_lock);
	iscsi_conn = conn->iscsi_conn;
	spin_unlock_irq(&conn->state_lock);
	wake_up_all(&conn->state_wait);
	if (!iscsi_conn) {
		iser_conn_log(conn, KERN_WARNING, "%s: %s (%d)\n",
			      conn->state == ISER_CONN_UP ?
			      "connection lost before it was used" : "cannot connect",
			      conn->cause, conn->err);
		/* Nobody can bind it any more; who would disconnect it may be dead. */
		iser_conn_terminate(conn, NULL);
		return;
	}
	/* The target hangs up after a logout. */
	if (iscsi_conn->session->state != ISCSI_STATE_LOGGING_OUT)
		iser_conn_log(conn, KERN_ERR, "connection failed: %s (%d)\n", conn->cause,
			      conn->err);
	iscsi_conn_failure(iscsi_conn, ISCSI_ERR_CONN_FAILED);
}

/**
 * iser_conn_shutdown - begin to take a connection down
 * @conn: in any state, with a reference; only the first call has an effect
 *
 * Afterwards nothing is posted, no failure is reported, and flush_completion
 * will come.
 *
 * Context: process, no lock of libiscsi held. Waits for a report of a failure
 * to libiscsi that is under way, and for nothing else.
 */
void iser_conn_shutdown(struct iser_conn *conn)
{
	struct iscsi_conn *iscsi_conn = READ_ONCE(conn->iscsi_conn);

	might_sleep();
	/*
	 * A bound connection leaves UP under frwd_lock, which only the iscsi_conn
	 * leads to. A bind that comes between the first look and the change of
	 * state is found by the change itself; a second one does not come.
	 */
	if (iscsi_conn || !iser_conn_terminate(conn, NULL)) {
		iscsi_conn = conn->iscsi_conn;
		spin_lock_bh(&iscsi_conn->session->frwd_lock);
		iser_conn_terminate(conn, iscsi_conn);
		spin_unlock_bh(&iscsi_conn->session->frwd_lock);
	}
	cancel_work_sync(&conn->fail_work);
}

/*
 * Has the HCA given back all that was posted? A drain does not say whether it
 * could wait: there are devices that take no work request any more in ERR.
 */
static bool iser_conn_is_drained(struct iser_conn *conn)
{
	u32 i;

	/* Pairs with smp_store_release() in iser_rx_done(). */
	if (smp_load_acquire(&conn->rx_done) != conn->rx_posted)
		return false;
	for (i = 0; i < conn->num_ios; i++)
		if (iser_io_is_owed(&conn->ios[i]))
			return false;
	return true;
}

/*
 * Invariant 1: from here on no work request is outstanding, and no rkey leads
 * anywhere.
 */
static void iser_conn_flushed(struct iser_conn *conn)
{
	u32 i;

	for (i = 0; i < conn->num_ios; i++)
		iser_io_flushed(&conn->ios[i]);
	trace_iser_conn_flushed(conn);
	iser_debugfs_conn_flushed(conn);
	complete_all(&conn->flush_completion);
	iser_conn_ended(conn, ISER_CONN_FLUSHED);
}

/*
 * A device that does not flush has to do without the QP; that no completion of a
 * destroyed QP is polled any more is the provider's promise.
 */
static void iser_conn_kill_qp_work(struct work_struct *work)
{
	struct iser_conn *conn = container_of(work, struct iser_conn, kill_qp_work);
	unsigned int noio = memalloc_noio_save();

	/* Completion handlers are softirqs: none may be about to post ... */
	synchronize_rcu();
	rdma_destroy_qp(conn->cm_id);
	conn->qp = NULL;
	/* ... and none that runs may be about to end what is taken back next. */
	synchronize_rcu();
	iser_conn_flushed(conn);
	memalloc_noio_restore(noio);
}

/* True if the device has given back all that it was given. */
static bool iser_conn_drain(struct iser_conn *conn)
{
	struct ib_qp_attr attr = { .qp_state = IB_QPS_ERR };

	/* The drains do this, too, but say nothing of it if it fails. */
	if (ib_modify_qp(conn->qp, &attr, IB_QP_STATE))
		return false;
	/*
	 * End when the device has flushed its queues; no peer needed. Receives
	 * first: the handler of one may still be posting to the other queue. What
	 * that would leave in it is found below, and costs the QP.
	 */
	ib_drain_rq(conn->qp);
	ib_drain_sq(conn->qp);
	return iser_conn_is_drained(conn);
}

static void iser_conn_drain_work(struct work_struct *work)
{
	struct iser_conn *conn = container_of(work, struct iser_conn, drain_work);
	unsigned int noio = memalloc_noio_save();

	/* Waits for the CM's step or the setup that is at work: the next one gives up. */
	mutex_lock(&conn->setup_mutex);
	conn->setup_closed = true;
	mutex_unlock(&conn->setup_mutex);
	iser_vector_release(conn);

	if (conn->established)
		rdma_disconnect(conn->cm_id);
	if (!conn->qp || iser_conn_drain(conn)) {
		iser_conn_flushed(conn);
	} else {
		iser_conn_log(conn, KERN_ERR, "the device did not flush its queues\n");
		/* Destroying it may wait for what this work must not wait for. */
		queue_work(iser_release_wq, &conn->kill_qp_work);
	}
	memalloc_noio_restore(noio);
}

/**
 * iser_conn_stop - take a flushed connection from its tasks
 * @conn: connection that has been shut down
 *
 * Unmaps the data of tasks that somebody, such as the SCSI error handler, holds
 * beyond the end of the connection, and lets them pin its memory. No task can
 * join them: nothing is sent any more. This is the stop that the release waits
 * for; stop_conn calls it when libiscsi has given the commands back, and the
 * removal of the device in place of a dead iscsid.
 *
 * Context: process, no lock of libiscsi held. Waits for the flush.
 */
void iser_conn_stop(struct iser_conn *conn)
{
	struct iscsi_session *session;
	u32 i;

	/* Ends when drain_work or kill_qp_work is through, without peer and iscsid. */
	wait_for_completion(&conn->flush_completion);
	if (conn->iscsi_conn) {
		session = conn->iscsi_conn->session;
		/* Tasks get slots under the first lock and leave them under the second. */
		spin_lock_bh(&session->frwd_lock);
		spin_lock(&session->back_lock);
		for (i = 0; i < conn->num_ios; i++)
			iser_io_pin_conn(&conn->ios[i]);
		spin_unlock(&session->back_lock);
		spin_unlock_bh(&session->frwd_lock);
	}
	iser_conn_ended(conn, ISER_CONN_STOPPED);
}

static void iser_conn_release_work(struct work_struct *work)
{
	struct iser_conn *conn = container_of(work, struct iser_conn, release_work);
	unsigned int noio = memalloc_noio_save();

	cancel_delayed_work_sync(&conn->port_down_work);
	iser_mem_free_mrs(conn);
	if (conn->qp) {
		rdma_destroy_qp(conn->cm_id);
		/*
		 * A handler, which is a softirq, may still be looking at a slot whose
		 * SEND nobody waited for. Ends when those that run have returned.
		 */
		synchronize_rcu();
	}
	if (conn->cq)
		ib_cq_pool_put(conn->cq, conn->device->cq_entries);
	iser_rx_free(conn);
	iser_hdrs_unmap(conn->ibdev, conn->hdrs);
	iser_hdrs_unmap(conn->ibdev, conn->dataout_hdrs);
	if (conn->pd)
		ib_dealloc_pd(conn->pd);
	/* Ends when a CM callback that is running has returned. */
	rdma_destroy_id(conn->cm_id);
	iser_device_detach(conn);
	spin_lock_irq(&conn->state_lock);
	iser_conn_change_state(conn, ISER_CONN_DOWN);
	spin_unlock_irq(&conn->state_lock);
	trace_iser_conn_release(conn);
	iser_conn_put(conn);
	memalloc_noio_restore(noio);
}

static void iser_conn_qp_event(struct ib_event *event, void *context)
{
	struct iser_conn *conn = context;

	switch (event->event) {
	case IB_EVENT_QP_FATAL:
	case IB_EVENT_QP_REQ_ERR:
	case IB_EVENT_QP_ACCESS_ERR:
		iser_conn_fail(conn, ib_event_msg(event->event), -EIO);
		break;
	default:
		break;
	}
}

/**
 * iser_conn_create_qp - make the queues, and the receives of the login phase
 * @conn: connection with a device
 *
 * Context: CM callback, setup_mutex held.
 * Return: 0 or a negative errno; what was made stays for the release.
 */
int iser_conn_create_qp(struct iser_conn *conn)
{
	struct iser_device *device = conn->device;
	struct ib_qp_init_attr attr = {
		.event_handler = iser_conn_qp_event,
		.qp_context = conn,
		.qp_type = IB_QPT_RC,
		.sq_sig_type = IB_SIGNAL_REQ_WR,
		.cap = {
			.max_send_wr = device->sq_wrs + 1,
			.max_recv_wr = device->rq_wrs + 1,
			.max_send_sge = device->send_sges,
			.max_recv_sge = device->recv_sges,
			.max_inline_data = device->sq_unsignalled ?
					   sizeof(struct iser_pdu_hdr) : 0,
		},
	};
	struct ib_pd *pd;
	struct ib_cq *cq;
	int vector, err;

	if (device->prot_caps)
		attr.create_flags = IB_QP_CREATE_INTEGRITY_EN;
	pd = ib_alloc_pd(conn->ibdev, 0);
	if (IS_ERR(pd))
		return PTR_ERR(pd);
	conn->pd = pd;
	vector = iser_vector_take(conn);
	if (vector < 0)
		return vector;
	cq = ib_cq_pool_get(conn->ibdev, device->cq_entries, vector, IB_POLL_SOFTIRQ);
	if (IS_ERR(cq))
		return PTR_ERR(cq);
	conn->cq = cq;
	attr.send_cq = cq;
	attr.recv_cq = cq;
	err = rdma_create_qp(conn->cm_id, pd, &attr);
	if (err == -EINVAL && attr.cap.max_inline_data) {
		/* Some take less. */
		attr.cap.max_inline_data = 0;
		err = rdma_create_qp(conn->cm_id, pd, &attr);
	}
	if (err)
		return err;
	conn->qp = conn->cm_id->qp;
	conn->reg_wrs = device->reg_wrs;
	conn->doubts_inv = device->doubts_inv;
	conn->data_sges = device->send_sges - 1;
	if (attr.cap.max_inline_data >= sizeof(struct iser_pdu_hdr))
		conn->sq_unsignalled = device->sq_unsignalled;
	return iser_rx_alloc(conn, ISER_LOGIN_RECVS);
}

/**
 * iser_conn_up - the CM has connected
 * @conn: in CONNECTING, or on its way down
 * @sgid_index: of the GID entry that its QP uses, negative if none can be missed
 *
 * Context: CM callback, setup_mutex held.
 */
void iser_conn_up(struct iser_conn *conn, int sgid_index)
{
	spin_lock_irq(&conn->state_lock);
	conn->sgid_index = sgid_index;
	iser_conn_change_state(conn, ISER_CONN_UP);
	spin_unlock_irq(&conn->state_lock);
	/* The address may have gone while nobody asked for it. */
	iser_device_check_gid(conn);
	wake_up_all(&conn->state_wait);
}

/**
 * iser_conn_lock_setup - keep a connection's device while something is made on it
 * @conn: with a reference, which keeps its memory only
 *
 * Context: process. Holds off the drain, and with it the release.
 * Return: 0, and iser_conn_unlock_setup() is due; -ESHUTDOWN if the connection
 * is being taken down.
 */
int iser_conn_lock_setup(struct iser_conn *conn)
{
	int err;

	mutex_lock(&conn->setup_mutex);
	err = conn->setup_closed ? -ESHUTDOWN : 0;
	if (err)
		mutex_unlock(&conn->setup_mutex);
	return err;
}

/**
 * iser_conn_unlock_setup - the end of what iser_conn_lock_setup() began
 * @conn: locked
 */
void iser_conn_unlock_setup(struct iser_conn *conn)
{
	mutex_unlock(&conn->setup_mutex);
}

static void iser_conn_setup_work(struct work_struct *work)
{
	struct iser_conn *conn = container_of(work, struct iser_conn, setup_work);
	unsigned int noio = memalloc_noio_save();
	u32 cmds;
	int err;

	err = iser_conn_lock_setup(conn);
	if (!err) {
		cmds = conn->iscsi_conn->session->host->can_queue;
		err = iser_mem_alloc_mrs(conn);
		if (!err)
			err = iser_rx_alloc(conn, iser_device_recvs(cmds) -
						    conn->rx_count);
		iser_conn_unlock_setup(conn);
	}
	memalloc_noio_restore(noio);
	conn->setup_err = err;
	if (err && err != -ESHUTDOWN)
		iser_conn_fail(conn, "no memory registrations or receives for the session",
			       err);
	iser_conn_put(conn);
}

/**
 * iser_conn_start_setup - begin to make what full feature phase needs
 * @conn: bound connection; only the first call has an effect
 *
 * Context: process, not concurrently with itself.
 */
void iser_conn_start_setup(struct iser_conn *conn)
{
	spin_lock_irq(&conn->state_lock);
	if (conn->state == ISER_CONN_UP && !conn->err && !conn->setup_started) {
		conn->setup_started = true;
		/* The work's own: nobody waits for its end. */
		iser_conn_get(conn);
		queue_work(iser_wq, &conn->setup_work);
	}
	spin_unlock_irq(&conn->state_lock);
}

/**
 * iser_conn_wait_setup - wait until it has been made
 * @conn: bound connection
 *
 * Context: process. Ends when the device has made the MRs, or at the next one
 * if the connection is shut down meanwhile.
 * Return: 0; -ESHUTDOWN, or why the setup failed.
 */
int iser_conn_wait_setup(struct iser_conn *conn)
{
	flush_work(&conn->setup_work);
	return conn->setup_err;
}

/**
 * iser_conn_create - a connection that does nothing yet
 * @portal: where it will lead, IPv4 or IPv6
 *
 * Context: process; ep_connect.
 * Return: the connection with two references, one for its release and one for
 * the caller; or an ERR_PTR.
 */
struct iser_conn *iser_conn_create(const struct sockaddr *portal)
{
	struct rdma_cm_id *cm_id;
	struct iser_conn *conn;

	conn = kzalloc_obj(*conn, GFP_NOIO);
	if (!conn)
		return ERR_PTR(-ENOMEM);
	conn->id = atomic_inc_return(&iser_conn_ids);
	if (portal->sa_family == AF_INET6)
		*(struct sockaddr_in6 *)&conn->portal = *(struct sockaddr_in6 *)portal;
	else
		*(struct sockaddr_in *)&conn->portal = *(struct sockaddr_in *)portal;
	conn->setup_err = -ESHUTDOWN;
	kref_init(&conn->ref);
	kref_get(&conn->ref);
	spin_lock_init(&conn->state_lock);
	mutex_init(&conn->setup_mutex);
	init_waitqueue_head(&conn->state_wait);
	init_completion(&conn->flush_completion);
	INIT_LIST_HEAD(&conn->rx_chunks);
	INIT_LIST_HEAD(&conn->ep_entry);
	INIT_LIST_HEAD(&conn->device_entry);
	INIT_WORK(&conn->fail_work, iser_conn_fail_work);
	INIT_WORK(&conn->setup_work, iser_conn_setup_work);
	INIT_WORK(&conn->drain_work, iser_conn_drain_work);
	INIT_WORK(&conn->kill_qp_work, iser_conn_kill_qp_work);
	INIT_WORK(&conn->release_work, iser_conn_release_work);
	INIT_WORK(&conn->free_work, iser_conn_free_work);
	INIT_DELAYED_WORK(&conn->port_down_work, iser_conn_port_down_work);

	cm_id = rdma_create_id(&init_net, iser_cm_handler, conn, RDMA_PS_TCP, IB_QPT_RC);
	if (IS_ERR(cm_id)) {
		kfree(conn);
		return ERR_CAST(cm_id);
	}
	conn->cm_id = cm_id;
	atomic_inc(&iser_conn_count);
	return conn;
}

/**
 * iser_conn_poll - ask whether the connection is up
 * @conn: with a reference
 * @timeout_ms: how long to wait for an answer; negative: until there is one
 *
 * Context: process.
 * Return: 1 if it is up, 0 if that is open, a negative errno if it failed.
 */
int iser_conn_poll(struct iser_conn *conn, int timeout_ms)
{
	/* Ends by the timeout; without one, by those of the CM. */
	wait_event_interruptible_timeout(conn->state_wait,
					 READ_ONCE(conn->err) ||
					 READ_ONCE(conn->state) != ISER_CONN_CONNECTING,
					 timeout_ms < 0 ? MAX_SCHEDULE_TIMEOUT :
					 msecs_to_jiffies(timeout_ms));
	if (READ_ONCE(conn->err))
		return conn->err;
	switch (READ_ONCE(conn->state)) {
	case ISER_CONN_CONNECTING:
		return 0;
	case ISER_CONN_UP:
		return 1;
	default:
		return -ENOTCONN;
	}
}

/**
 * iser_conn_bind - let a connection serve an iscsi_conn
 * @conn: connection with slots, never bound before
 * @iscsi_conn: from now on told of PDUs and of the failure
 *
 * Context: process; the last step of bind_conn that can fail.
 * Return: 0, or why the connection is not up (any more).
 */
int iser_conn_bind(struct iser_conn *conn, struct iscsi_conn *iscsi_conn)
{
	int err;

	spin_lock_irq(&conn->state_lock);
	err = conn->err;
	if (!err && conn->state != ISER_CONN_UP)
		err = -ENOTCONN;
	if (!err) {
		iscsi_get_conn(iscsi_conn->cls_conn);
		/* Pairs with smp_load_acquire() in iser_rx_handle(). */
		smp_store_release(&conn->iscsi_conn, iscsi_conn);
	}
	spin_unlock_irq(&conn->state_lock);
	return err;
}

/**
 * iser_verbs_init - get ready for connections
 *
 * Return: 0 or a negative errno with nothing left behind.
 */
int iser_verbs_init(void)
{
	int err = -ENOMEM;

	iser_wq = alloc_workqueue("iser", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!iser_wq)
		return err;
	iser_release_wq = alloc_workqueue("iser_release", WQ_UNBOUND, 0);
	if (!iser_release_wq)
		goto out_destroy_wq;
	err = iser_device_register_client();
	if (err)
		goto out_destroy_release_wq;
	return 0;

out_destroy_release_wq:
	destroy_workqueue(iser_release_wq);
out_destroy_wq:
	destroy_workqueue(iser_wq);
	return err;
}

/**
 * iser_verbs_exit - end all connections
 *
 * Their endpoints have been shut down; what had no device yet ends with the
 * workqueues.
 */
void iser_verbs_exit(void)
{
	int left;

	/* Who is still to attach may not ask for the client's data any more. */
	flush_workqueue(iser_wq);
	iser_device_unregister_client();
	destroy_workqueue(iser_wq);
	destroy_workqueue(iser_release_wq);
	left = atomic_read(&iser_conn_count);
	if (left)
		pr_err("%d connections were never released\n", left);
}
