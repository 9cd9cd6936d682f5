// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The network device beneath a fake HCA. It drops what it is given; the RDMA
 * core only wants its address, its route and, there being no ARP on it, the
 * neighbours that come for nothing. Network number n has 198.18.n.1/24 or
 * fd15:0:0:n::1/64; its portal is host 2, port 3260.
 */
#include <linux/etherdevice.h>
#include <linux/inetdevice.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/arp.h>
#include <net/ndisc.h>
#include <net/neighbour.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "fake_parts.h"

static netdev_tx_t fake_xmit(struct sk_buff *skb, struct net_device *netdev)
{
	dev_kfree_skb(skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops fake_netdev_ops = {
	.ndo_start_xmit	= fake_xmit,
};

static void fake_netdev_setup(struct net_device *netdev)
{
	ether_setup(netdev);
	netdev->netdev_ops = &fake_netdev_ops;
	netdev->needs_free_netdev = true;
	netdev->flags |= IFF_NOARP;
	eth_hw_addr_random(netdev);
}

static struct in_addr fake_ipv4(unsigned int net, unsigned int host)
{
	return (struct in_addr) { htonl(0xc6120000 | net << 8 | host) };
}

static struct in6_addr fake_ipv6(unsigned int net, unsigned int host)
{
	return (struct in6_addr) {
		.s6_addr = { 0xfd, 0x15, [7] = net, [15] = host },
	};
}

/*
 * fake_net_set_ipv4 - give the device its address, or take it away
 * @alias: a second address, beside the first
 * @host: number of the host, or 0: no address
 */
int fake_net_set_ipv4(struct net_device *netdev, unsigned int net, bool alias,
		      unsigned int host)
{
	struct ifreq ifr = {};
	struct sockaddr_in *sin = (struct sockaddr_in *)&ifr.ifr_addr;
	int ret;

	strscpy(ifr.ifr_name, netdev->name);
	if (alias)
		strlcat(ifr.ifr_name, ":1", sizeof(ifr.ifr_name));
	sin->sin_family = AF_INET;
	if (host)
		sin->sin_addr = fake_ipv4(net, host);
	ret = devinet_ioctl(&init_net, SIOCSIFADDR, &ifr);
	if (ret || !host)
		return ret;
	sin->sin_addr.s_addr = htonl(0xffffff00);
	return devinet_ioctl(&init_net, SIOCSIFNETMASK, &ifr);
}

/* An RTM_NEWADDR request and its answer. */
struct fake_newaddr {
	struct nlmsghdr		nlh;
	struct ifaddrmsg	ifa;
	struct nlattr		local;
	struct in6_addr		addr;
	struct nlattr		flags;
	u32			flags_value;
};

static int fake_newaddr_send(struct socket *sock, struct fake_newaddr *req)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct msghdr msg = {
		.msg_name = &kernel,
		.msg_namelen = sizeof(kernel),
	};
	struct kvec vec = { req, sizeof(*req) };
	struct {
		struct nlmsghdr nlh;
		struct nlmsgerr err;
		u8 more[256];
	} answer;
	int ret;

	ret = kernel_sendmsg(sock, &msg, &vec, 1, sizeof(*req));
	if (ret < 0)
		return ret;
	memset(&msg, 0, sizeof(msg));
	vec = (struct kvec) { &answer, sizeof(answer) };
	ret = kernel_recvmsg(sock, &msg, &vec, 1, sizeof(answer), MSG_DONTWAIT);
	return ret < 0 ? ret : answer.err.error;
}

static int fake_add_ipv6(struct net_device *netdev, unsigned int net)
{
	struct fake_newaddr req = {
		.nlh = {
			.nlmsg_len = sizeof(req),
			.nlmsg_type = RTM_NEWADDR,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE,
		},
		.ifa = {
			.ifa_family = AF_INET6,
			.ifa_prefixlen = 64,
			.ifa_flags = IFA_F_NODAD,
			.ifa_index = netdev->ifindex,
		},
		.local = { NLA_HDRLEN + sizeof(req.addr), IFA_LOCAL },
		.addr = fake_ipv6(net, 1),
		.flags = { NLA_HDRLEN + sizeof(u32), IFA_FLAGS },
		.flags_value = IFA_F_NODAD | IFA_F_PERMANENT,
	};
	struct socket *sock;
	int ret;

	ret = sock_create_kern(&init_net, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE,
			       &sock);
	if (ret)
		return ret;
	ret = fake_newaddr_send(sock, &req);
	sock_release(sock);
	return ret;
}

struct net_device *fake_net_create(unsigned int net, bool ipv6)
{
	struct net_device *netdev;
	int ret;

	netdev = alloc_netdev(0, "fake%d", NET_NAME_UNKNOWN, fake_netdev_setup);
	if (!netdev)
		return NULL;
	if (register_netdev(netdev)) {
		free_netdev(netdev);
		return NULL;
	}
	rtnl_lock();
	ret = dev_open(netdev, NULL);
	rtnl_unlock();
	if (!ret)
		ret = ipv6 ? fake_add_ipv6(netdev, net) :
			     fake_net_set_ipv4(netdev, net, false, 1);
	if (!ret)
		return netdev;
	fake_net_destroy(netdev);
	return NULL;
}

void fake_net_destroy(struct net_device *netdev)
{
	unregister_netdev(netdev);
}

/* Where the target listens on this network. */
void fake_net_portal(struct sockaddr_storage *addr, unsigned int net, bool ipv6)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_in *sin = (struct sockaddr_in *)addr;

	memset(addr, 0, sizeof(*addr));
	if (ipv6) {
		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(3260);
		sin6->sin6_addr = fake_ipv6(net, 2);
	} else {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(3260);
		sin->sin_addr = fake_ipv4(net, 2);
	}
}

/* What a message from the portal has in front of it on RoCE v2. */
void fake_net_header(union rdma_network_hdr *hdr, unsigned int net, bool ipv6)
{
	struct in6_addr from6 = fake_ipv6(net, 2), to6 = fake_ipv6(net, 1);

	memset(hdr, 0, sizeof(*hdr));
	if (ipv6) {
		memcpy(&hdr->ibgrh.sgid, &from6, sizeof(from6));
		memcpy(&hdr->ibgrh.dgid, &to6, sizeof(to6));
	} else {
		hdr->roce4grh.saddr = fake_ipv4(net, 2).s_addr;
		hdr->roce4grh.daddr = fake_ipv4(net, 1).s_addr;
	}
}

/* The portal moves to another machine: its neighbour entry changes. */
void fake_net_move_portal(struct net_device *netdev, unsigned int net, bool ipv6)
{
	struct neigh_table *table = ipv6 ? &nd_tbl : &arp_tbl;
	struct in6_addr addr6 = fake_ipv6(net, 2);
	struct in_addr addr4 = fake_ipv4(net, 2);
	struct neighbour *neigh;
	u8 addr[ETH_ALEN];

	eth_random_addr(addr);
	neigh = __neigh_lookup_errno(table, ipv6 ? (void *)&addr6 : &addr4,
				     netdev);
	if (IS_ERR(neigh))
		return;
	neigh_update(neigh, addr, NUD_PERMANENT,
		     NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_ADMIN, 0);
	neigh_release(neigh);
}

/* The active link of a bond changes, and with it the address. */
void fake_net_fail_over(struct net_device *netdev)
{
	u8 addr[ETH_ALEN];

	eth_random_addr(addr);
	rtnl_lock();
	eth_hw_addr_set(netdev, addr);
	netdev->flags |= IFF_MASTER;
	netdev->priv_flags |= IFF_BONDING;
	call_netdevice_notifiers(NETDEV_BONDING_FAILOVER, netdev);
	netdev->flags &= ~IFF_MASTER;
	netdev->priv_flags &= ~IFF_BONDING;
	rtnl_unlock();
}
