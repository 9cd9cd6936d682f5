// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: what a session remembers of its failures, and how long its
 * commands take; /sys/kernel/debug/ib_iser/sessionN, N as iscsiadm has it.
 *
 * The memory is part of the session, so a failure costs no allocation and its
 * record outlives the connection. Records are written where things happen, the
 * failure itself maybe in hard irq, under a lock that nothing is taken inside of.
 *
 * The file goes before the session does; debugfs waits for whoever is reading,
 * and a reader waits for nothing but the setup mutex.
 */
#include <linux/debugfs.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>

#include "iscsi_iser.h"

DEFINE_STATIC_KEY_FALSE(iser_latency_key);

/* Switching on and off: the key has a count for each session that is on. */
static DEFINE_MUTEX(iser_latency_mutex);
static struct dentry *iser_debugfs_dir;

static struct iser_session *iser_debugfs_session(struct iser_conn *conn)
{
	return conn->iscsi_conn->session->dd_data;
}

/**
 * iser_debugfs_conn_failed - remember a failure
 * @conn: with err and cause just set
 *
 * What was never bound has no session to remember it.
 *
 * Context: any, state_lock held, interrupts off.
 */
void iser_debugfs_conn_failed(struct iser_conn *conn)
{
	struct iser_session *own;
	struct iser_failure *failure;

	lockdep_assert_held(&conn->state_lock);
	/* The target hangs up after a logout. */
	if (!conn->iscsi_conn ||
	    conn->iscsi_conn->session->state == ISCSI_STATE_LOGGING_OUT)
		return;
	own = iser_debugfs_session(conn);
	spin_lock(&own->lock);
	failure = &own->failures[own->failure_count % ISER_FAILURES];
	own->failure_count++;
	memset(failure, 0, sizeof(*failure));
	failure->conn_id = conn->id;
	failure->wall_clock = ktime_get_real();
	failure->failed = ktime_get();
	failure->cause = conn->cause;
	failure->err = conn->err;
	failure->portal = conn->portal;
	failure->port = conn->port;
	strscpy(failure->device_name, conn->device_name, sizeof(failure->device_name));
	spin_unlock(&own->lock);
}

/* The record of a connection's failure, if it has failed. */
static struct iser_failure *iser_debugfs_failure(struct iser_session *own,
						 struct iser_conn *conn)
{
	struct iser_failure *last;

	lockdep_assert_held(&own->lock);
	if (!own->failure_count)
		return NULL;
	last = &own->failures[(own->failure_count - 1) % ISER_FAILURES];
	return last->conn_id == conn->id ? last : NULL;
}

/**
 * iser_debugfs_conn_flushed - its flush is over
 * @conn: in TERMINATING
 *
 * Context: process.
 */
void iser_debugfs_conn_flushed(struct iser_conn *conn)
{
	struct iser_failure *failure;
	struct iser_session *own;

	if (!conn->iscsi_conn)
		return;
	own = iser_debugfs_session(conn);
	spin_lock_irq(&own->lock);
	failure = iser_debugfs_failure(own, conn);
	if (failure)
		failure->flushed = ktime_get();
	spin_unlock_irq(&own->lock);
}

/**
 * iser_debugfs_conn_stop - libiscsi is about to give the commands back
 * @conn: bound and flushed
 *
 * Context: process, stop_conn.
 */
void iser_debugfs_conn_stop(struct iser_conn *conn)
{
	struct iscsi_session *session = conn->iscsi_conn->session;
	struct iser_session *own = session->dd_data;
	struct iser_failure *failure;
	struct iscsi_task *task;
	u32 commands = 0;
	int i;

	spin_lock_bh(&session->frwd_lock);
	spin_lock(&session->back_lock);
	for (i = 0; i < session->cmds_max; i++) {
		task = session->cmds[i];
		if (task->sc && task->state != ISCSI_TASK_FREE)
			commands++;
	}
	spin_unlock(&session->back_lock);
	spin_unlock_bh(&session->frwd_lock);

	spin_lock_irq(&own->lock);
	failure = iser_debugfs_failure(own, conn);
	if (failure) {
		failure->stopped = ktime_get();
		failure->commands = commands;
	}
	spin_unlock_irq(&own->lock);
}

/**
 * iser_debugfs_conn_started - the session is logged in again
 * @conn: bound, may have failed meanwhile
 *
 * Context: process, start_conn.
 */
void iser_debugfs_conn_started(struct iser_conn *conn)
{
	struct iser_session *own = iser_debugfs_session(conn);
	struct iser_failure *failure;

	spin_lock_irq(&own->lock);
	for (failure = own->failures; failure < own->failures + ISER_FAILURES; failure++)
		if (failure->conn_id && failure->conn_id != conn->id && !failure->started)
			failure->started = ktime_get();
	spin_unlock_irq(&own->lock);
}

/**
 * __iser_latency_count - a command has its response
 * @io: its slot, still the command's
 *
 * Context: completion handler, back_lock held.
 */
void __iser_latency_count(struct iser_io *io)
{
	struct iser_session *own = iser_debugfs_session(io->conn);
	u64 now = ktime_get_ns();
	unsigned int bucket;

	/* Posted while nobody took the time, or before a reset. */
	if (!own->latency_since || io->posted < own->latency_since || !io->length)
		return;
	bucket = fls64(div_u64(now - io->posted, NSEC_PER_USEC));
	bucket = min(bucket, ISER_LATENCY_BUCKETS - 1U);
	own->latency[io->dir == DMA_TO_DEVICE][bucket]++;
}

/* Where back_lock is held, no command is being counted. */
static void iser_latency_reset(struct iscsi_session *session, u64 since)
{
	struct iser_session *own = session->dd_data;

	spin_lock_bh(&session->back_lock);
	own->latency_since = since;
	if (since)
		memset(own->latency, 0, sizeof(own->latency));
	spin_unlock_bh(&session->back_lock);
}

static void iser_latency_switch(struct iscsi_session *session, bool on)
{
	struct iser_session *own = session->dd_data;

	mutex_lock(&iser_latency_mutex);
	if (on && !own->latency_since)
		static_branch_inc(&iser_latency_key);
	else if (!on && own->latency_since)
		static_branch_dec(&iser_latency_key);
	iser_latency_reset(session, on ? ktime_get_ns() : 0);
	mutex_unlock(&iser_latency_mutex);
}

static void iser_debugfs_show_span(struct seq_file *m, const char *what, ktime_t from,
				   ktime_t to)
{
	s64 us = ktime_us_delta(to, from);

	if (to)
		seq_printf(m, ", %s after %lld.%03lld ms", what, us / 1000, us % 1000);
	else
		seq_printf(m, ", no %s yet", what);
}

static void iser_debugfs_show_failure(struct seq_file *m, u32 number,
				      const struct iser_failure *failure)
{
	time64_t wall_clock = ktime_divns(failure->wall_clock, NSEC_PER_SEC);
	s64 us = ktime_to_us(failure->failed);

	seq_printf(m, "  %u: %ptTs UTC [%5lld.%06lld] %s (%d)\n", number + 1,
		   &wall_clock, us / USEC_PER_SEC, us % USEC_PER_SEC,
		   failure->cause, failure->err);
	seq_printf(m, "     %pISpc (%s/%u, conn %u)", &failure->portal,
		   failure->device_name, failure->port, failure->conn_id);
	iser_debugfs_show_span(m, "flush", failure->failed, failure->flushed);
	iser_debugfs_show_span(m, "stop", failure->failed, failure->stopped);
	iser_debugfs_show_span(m, "login", failure->failed, failure->started);
	seq_printf(m, ", %u commands went back\n", failure->commands);
}

static void iser_debugfs_show_failures(struct seq_file *m, struct iser_session *own)
{
	struct iser_failure failure;
	u32 i, count;

	spin_lock_irq(&own->lock);
	count = own->failure_count;
	spin_unlock_irq(&own->lock);
	seq_printf(m, "failures: %u\n", count);
	for (i = count > ISER_FAILURES ? count - ISER_FAILURES : 0; i < count; i++) {
		bool overwritten;

		spin_lock_irq(&own->lock);
		overwritten = own->failure_count - i > ISER_FAILURES;
		failure = own->failures[i % ISER_FAILURES];
		spin_unlock_irq(&own->lock);
		if (!overwritten)
			iser_debugfs_show_failure(m, i, &failure);
	}
}

static void iser_debugfs_show_negotiated(struct seq_file *m, struct iscsi_conn *iscsi_conn)
{
	struct iscsi_session *session = iscsi_conn->session;

	seq_printf(m, "  ImmediateData %s, InitialR2T %s, FirstBurstLength %u, MaxBurstLength %u\n",
		   str_yes_no(session->imm_data_en), str_yes_no(session->initial_r2t_en),
		   session->first_burst, session->max_burst);
	seq_printf(m, "  largest data segment: sent %u, received %u\n",
		   iscsi_conn->max_xmit_dlength, iscsi_conn->max_recv_dlength);
}

static void iser_debugfs_show_conn(struct seq_file *m, struct iser_conn *conn)
{
	struct iser_device *device = conn->device;
	enum iser_conn_state state = READ_ONCE(conn->state);

	seq_printf(m, "connection: conn %u, %s\n", conn->id,
		   state == ISER_CONN_UP && !READ_ONCE(conn->err) ? "up" : "failed");
	seq_printf(m, "  local %pISpc, portal %pISpc\n",
		   &conn->local, &conn->portal);
	seq_printf(m, "  device %s/%u, completion vector %u\n", conn->device_name,
		   conn->port, conn->cq->comp_vector);
	seq_printf(m, "  send queue %u, receive queue %u, receives %u, headers %s\n",
		   device->sq_wrs, device->rq_wrs, conn->rx_count,
		   conn->sq_unsignalled ? "inline" : "from memory");
	seq_printf(m, "  MRs: %s, %u pages\n",
		   device->mr_type == IB_MR_TYPE_SG_GAPS ? "gaps allowed" : "no gaps",
		   device->mr_pages);
	iser_debugfs_show_negotiated(m, conn->iscsi_conn);
}

static void iser_debugfs_show_current(struct seq_file *m, struct iscsi_session *session)
{
	struct iser_conn *conn = iser_session_conn_get(session);

	/* Its device and its CM id are there as long as the setup is open. */
	if (conn && !iser_conn_lock_setup(conn)) {
		iser_debugfs_show_conn(m, conn);
		iser_conn_unlock_setup(conn);
	} else {
		seq_puts(m, "connection: none\n");
	}
	if (conn)
		iser_conn_put(conn);
}

static void iser_debugfs_show_latency(struct seq_file *m, struct iscsi_session *session)
{
	struct iser_session *own = session->dd_data;
	u64 reads, writes;
	unsigned int i;

	seq_printf(m, "histogram: %s\n", str_on_off(READ_ONCE(own->latency_since)));
	for (i = 0; i < ISER_LATENCY_BUCKETS; i++) {
		spin_lock_bh(&session->back_lock);
		reads = own->latency[0][i];
		writes = own->latency[1][i];
		spin_unlock_bh(&session->back_lock);
		if (reads || writes)
			seq_printf(m, "  below %10llu us: %10llu reads %10llu writes\n",
				   1ULL << i, reads, writes);
	}
}

static int iser_debugfs_show(struct seq_file *m, void *unused)
{
	struct iscsi_session *session = m->private;

	iser_debugfs_show_current(m, session);
	iser_debugfs_show_failures(m, session->dd_data);
	iser_debugfs_show_latency(m, session);
	return 0;
}

static int iser_debugfs_open(struct inode *inode, struct file *file)
{
	unsigned int noio = memalloc_noio_save();
	int err = single_open(file, iser_debugfs_show, inode->i_private);

	memalloc_noio_restore(noio);
	return err;
}

/*
 * The end of a session waits for this, and all others wait for that: the memory
 * that is taken here must not wait for their I/O.
 */
static ssize_t iser_debugfs_read(struct file *file, char __user *buf, size_t len,
				 loff_t *pos)
{
	unsigned int noio = memalloc_noio_save();
	ssize_t ret = seq_read(file, buf, len, pos);

	memalloc_noio_restore(noio);
	return ret;
}

static ssize_t iser_debugfs_write(struct file *file, const char __user *buf,
				  size_t len, loff_t *pos)
{
	struct seq_file *m = file->private_data;
	bool on;
	int err;

	err = kstrtobool_from_user(buf, len, &on);
	if (err)
		return err;
	iser_latency_switch(m->private, on);
	return len;
}

static const struct file_operations iser_debugfs_fops = {
	.owner		= THIS_MODULE,
	.open		= iser_debugfs_open,
	.read		= iser_debugfs_read,
	.write		= iser_debugfs_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

/**
 * iser_debugfs_add_session - begin to remember, and show it
 * @cls_session: new session with a zeroed struct iser_session
 *
 * Without memory there is no file, which is no reason to have no session.
 */
void iser_debugfs_add_session(struct iscsi_cls_session *cls_session)
{
	struct iscsi_session *session = cls_session->dd_data;
	struct iser_session *own = session->dd_data;
	char name[24];

	spin_lock_init(&own->lock);
	snprintf(name, sizeof(name), "session%u", cls_session->sid);
	/* Root may write all the same; a kernel that is locked down lets it read. */
	own->file = debugfs_create_file(name, 0400, iser_debugfs_dir, session,
					&iser_debugfs_fops);
}

/**
 * iser_debugfs_remove_session - nobody looks at it any more
 * @cls_session: session about to be removed
 *
 * Context: process. Ends when those who read the file at this moment are done.
 */
void iser_debugfs_remove_session(struct iscsi_cls_session *cls_session)
{
	struct iscsi_session *session = cls_session->dd_data;
	struct iser_session *own = session->dd_data;

	debugfs_remove(own->file);
	iser_latency_switch(session, false);
}

void iser_debugfs_init(void)
{
	iser_debugfs_dir = debugfs_create_dir("ib_iser", NULL);
}

void iser_debugfs_exit(void)
{
	debugfs_remove(iser_debugfs_dir);
}
