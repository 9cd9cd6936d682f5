// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iSER initiator: endpoints, which is how iscsid sees connections.
 *
 * An endpoint and its iser_conn find each other by an RCU pointer in
 * ep->dd_data, which ep_disconnect clears; a caller of the class may hold the
 * endpoint for longer. Neither ep_connect nor ep_disconnect waits for a peer:
 * they run under a mutex of the class that is the only one of the machine.
 *
 * A killed iscsiadm leaves its endpoint behind, and an endpoint without a session
 * does not pin the module. So all of them are in a list, for the module's exit.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/inet.h>
#include <linux/sched/mm.h>

#include <net/ipv6.h>

#include "iscsi_iser.h"
#include "iser_trace.h"

static DEFINE_MUTEX(iser_endpoints_lock);
static LIST_HEAD(iser_endpoints);

/**
 * iser_ep_conn_get - the connection of an endpoint
 * @ep: held by the caller
 *
 * Context: any.
 * Return: the connection with a reference, or NULL after ep_disconnect.
 */
struct iser_conn *iser_ep_conn_get(struct iscsi_endpoint *ep)
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

/* Refuse what cannot be the address of a portal, whatever the routes. */
static int iser_ep_check_portal(const struct sockaddr *addr)
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

/**
 * iser_ep_connect - callback: begin to connect to a portal
 * @shost: unused: hosts are made for sessions
 * @addr: of the portal
 * @non_blocking: nonzero as iscsid has it; else wait until the CM has an answer
 *
 * Context: process.
 * Return: the endpoint; an ERR_PTR after a line in the log.
 */
struct iscsi_endpoint *iser_ep_connect(struct Scsi_Host *shost, struct sockaddr *addr,
				       int non_blocking)
{
	unsigned int noio = memalloc_noio_save();
	struct iscsi_endpoint *ep = NULL;
	struct iser_conn *conn;
	int err;

	err = iser_ep_check_portal(addr);
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
	err = ep ? iser_cm_connect(conn) : -ENOMEM;
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

/**
 * iser_ep_poll - callback: is the connection up?
 * @ep: endpoint
 * @timeout_ms: how long to wait for an answer
 *
 * Context: process.
 * Return: 1 if it is, 0 if that is open, a negative errno if it failed.
 */
int iser_ep_poll(struct iscsi_endpoint *ep, int timeout_ms)
{
	struct iser_conn *conn = iser_ep_conn_get(ep);
	int ret;

	if (!conn)
		return -ENOTCONN;
	ret = iser_conn_poll(conn, timeout_ms);
	iser_conn_put(conn);
	return ret;
}

/**
 * iser_ep_disconnect - callback: begin to take the connection down
 * @ep: endpoint, gone afterwards
 *
 * Context: process. Waits for neither the CM nor the peer nor the flush.
 */
void iser_ep_disconnect(struct iscsi_endpoint *ep)
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

/**
 * iser_ep_disconnect_all - take down what nobody disconnects any more
 *
 * Context: module exit, when the class calls nothing any more.
 */
void iser_ep_disconnect_all(void)
{
	struct iser_conn *conn;

	while ((conn = list_first_entry_or_null(&iser_endpoints, struct iser_conn,
						ep_entry)))
		iser_ep_disconnect(conn->ep);
}

/**
 * iser_ep_get_param - callback: where an endpoint leads
 * @ep: endpoint
 * @param: address or port of the portal
 * @buf: for its text
 *
 * Context: process.
 * Return: length of the text; -EOPNOTSUPP, or -ENOTCONN after ep_disconnect.
 */
int iser_ep_get_param(struct iscsi_endpoint *ep, enum iscsi_param param, char *buf)
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
