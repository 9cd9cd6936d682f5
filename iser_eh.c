// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: SCSI's error handlers.
 *
 * When one of them reports success, SCSI owns its commands again and may reuse
 * their memory at once. libiscsi has only dropped its references on the tasks by
 * then. So the handlers here go on: they invalidate what the commands have
 * advertised, once each, and wait until each has come to its end. Should one not,
 * the connection fails, and its flush ends them all.
 */
#include <linux/delay.h>

#include "iscsi_iser.h"

#define ISER_EH_TIMEOUT		(5 * HZ)

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
		io = iser_task_io(task);
		if (io && io->conn == conn && conn->state == ISER_CONN_UP &&
		    !READ_ONCE(conn->err))
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
		conn = iser_session_conn_get(session);
		if (conn) {
			iser_conn_fail(conn, "aborted commands did not come to an end",
				       -ETIMEDOUT);
			iser_conn_put(conn);
		}
		return FAILED;
	}
	return SUCCESS;
}

/**
 * iser_eh_abort - error handler: end one command
 * @sc: that has timed out
 *
 * Context: process, SCSI's error handler.
 * Return: SUCCESS, after which the HCA has nothing of the command; or FAILED.
 */
int iser_eh_abort(struct scsi_cmnd *sc)
{
	int ret = iscsi_eh_abort(sc);

	return ret == SUCCESS ? iser_eh_finish(ISER_EH_COMMAND, sc) : ret;
}

/**
 * iser_eh_device_reset - error handler: end all commands of a LUN
 * @sc: one of them
 *
 * Context: process, SCSI's error handler.
 * Return: SUCCESS, after which the HCA has nothing of them; or FAILED.
 */
int iser_eh_device_reset(struct scsi_cmnd *sc)
{
	int ret = iscsi_eh_device_reset(sc);

	return ret == SUCCESS ? iser_eh_finish(ISER_EH_LUN, sc) : ret;
}

/**
 * iser_eh_target_reset - error handler: end all commands of a session
 * @sc: one of them
 *
 * Context: process, SCSI's error handler.
 * Return: SUCCESS, after which the HCA has nothing of them; FAILED only if the
 * session could not be recovered.
 */
int iser_eh_target_reset(struct scsi_cmnd *sc)
{
	int ret = iscsi_eh_recover_target(sc);

	/* FAILED by the last handler would take the disks offline. */
	if (ret == SUCCESS && iser_eh_finish(ISER_EH_TARGET, sc) != SUCCESS)
		ret = iscsi_eh_session_reset(sc);
	return ret;
}
