// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: what iscsiadm and sysfs show of sessions and hosts: statistics,
 * addresses, and which attributes there are.
 */
#include <linux/string.h>

#include "iscsi_iser.h"

/**
 * iser_attr_get_stats - callback: the statistics of a connection
 * @cls_conn: of the session; they are kept over reconnects
 * @stats: to fill in, with room for ISCSI_STATS_CUSTOM_MAX values of our own
 *
 * Context: process. The values may be a command apart.
 */
void iser_attr_get_stats(struct iscsi_cls_conn *cls_conn, struct iscsi_stats *stats)
{
	struct iscsi_conn *iscsi_conn = cls_conn->dd_data;
	struct iser_stats *own = ((struct iser_binding *)iscsi_conn->dd_data)->stats;
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

	stats->txdata_octets = own->immediate_bytes + own->unsolicited_bytes +
			       own->solicited_bytes;
	stats->rxdata_octets = own->read_bytes;
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

/* The local address of the session's connection, as iscsi_tcp has it. */
static int iser_attr_local_addr(struct iscsi_session *session, int param, char *buf)
{
	struct iser_conn *conn = iser_session_conn_get(session);
	int len;

	if (!conn)
		return -ENOTCONN;
	len = iscsi_conn_get_addr_param(&conn->local, param, buf);
	iser_conn_put(conn);
	return len;
}

/**
 * iser_attr_get_host_param - callback: an attribute of a host
 * @shost: of a session, whose making may not be over
 * @param: which
 * @buf: for its text
 *
 * Context: process.
 * Return: length of the text, or a negative errno.
 */
int iser_attr_get_host_param(struct Scsi_Host *shost, enum iscsi_host_param param,
			     char *buf)
{
	struct iser_host *host = iscsi_host_priv(shost);
	struct iscsi_session *session;

	if (param != ISCSI_HOST_PARAM_IPADDRESS)
		return iscsi_host_get_param(shost, param, buf);
	/* Pairs with smp_store_release() in iser_create_session(). */
	session = smp_load_acquire(&host->session);
	return session ? iser_attr_local_addr(session, (int)param, buf) : -ENOTCONN;
}

/**
 * iser_attr_get_conn_param - callback: an attribute of a connection
 * @cls_conn: the connection
 * @param: which
 * @buf: for its text
 *
 * Context: process.
 * Return: length of the text, or a negative errno.
 */
int iser_attr_get_conn_param(struct iscsi_cls_conn *cls_conn, enum iscsi_param param,
			     char *buf)
{
	struct iscsi_conn *iscsi_conn = cls_conn->dd_data;

	if (param != ISCSI_PARAM_LOCAL_PORT)
		return iscsi_conn_get_param(cls_conn, param, buf);
	return iser_attr_local_addr(iscsi_conn->session, param, buf);
}

/**
 * iser_attr_is_visible - callback: is there such an attribute?
 * @param_type: of a host, or of a session and its connection
 * @param: which
 *
 * Return: its mode, or 0.
 */
umode_t iser_attr_is_visible(int param_type, int param)
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
