// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What an administrator sets and reads: module parameters and their effect,
 * portals that cannot be, addresses and statistics of a session.
 */
#include <linux/inet.h>

#include "admin.h"
#include "bed.h"
#include "fake_parts.h"
#include "ulp.h"

static const struct param_case {
	const char	*desc, *name, *text, *otherwise;
	int		wanted;
} param_cases[] = {
	{ "tos", "tos", "255", "-1", 0 },
	{ "tos left to the CM", "tos", "-1", "-1", 0 },
	{ "tos too large", "tos", "256", "-1", -ERANGE },
	{ "tos below -1", "tos", "-2", "-1", -ERANGE },
	{ "tos not a number", "tos", "low", "-1", -EINVAL },
	{ "ack_timeout 0, never", "ack_timeout", "0", "-1", -ERANGE },
	{ "grace", "port_down_grace_ms", "600000", "0", 0 },
	{ "grace of -1", "port_down_grace_ms", "-1", "0", -ERANGE },
	{ "LUNs of the flat addressing method", "max_lun", "32768", "512", 0 },
	{ "no LUN", "max_lun", "0", "512", -ERANGE },
	{ "max_sectors", "max_sectors", "32768", "1024", 0 },
	{ "max_sectors too large", "max_sectors", "65536", "1024", -ERANGE },
	{ "max_sectors of less than a page", "max_sectors", "7", "1024", -ERANGE },
	{ "pi_guard", "pi_guard", "1", "0", 0 },
	{ "pi_guard too large", "pi_guard", "2", "0", -ERANGE },
	{ "pi_guard below 0", "pi_guard", "-1", "0", -ERANGE },
	{ "pi_guard not a number", "pi_guard", "CRC", "0", -EINVAL },
	{ "pi_enable neither yes nor no", "pi_enable", "2", "N", -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(param, param_cases, desc);

static void parameter_keeps_to_its_range(struct kunit *test)
{
	const struct param_case *c = test->param_value;
	char path[64], text[16];

	KUNIT_EXPECT_EQ(test, ulp_set_param(test, c->name, c->text), c->wanted);
	snprintf(path, sizeof(path), "module/ib_iser/parameters/%s", c->name);
	KUNIT_EXPECT_EQ(test, admin_read(path, text, sizeof(text)), 0);
	KUNIT_EXPECT_STREQ(test, text, c->wanted ? c->otherwise : c->text);
}

/* The type of service is a connection's; the iWARP CM takes no ACK timeout. */
static void new_connections_use_the_parameters(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, NULL);

	KUNIT_ASSERT_EQ(test, ulp_set_param(test, "tos", "32"), 0);
	KUNIT_ASSERT_EQ(test, ulp_set_param(test, "ack_timeout", "14"), 0);
	session_connect(s);
	KUNIT_EXPECT_TRUE(test, s->qp->cm_id->tos_set);
	KUNIT_EXPECT_EQ(test, s->qp->cm_id->tos, 32);
}

static const struct portal_case {
	const char	*desc;
	const char	*host;
	u16		family, port;
	int		wanted;
} portal_cases[] = {
	{ "no port", "198.18.1.2", AF_INET, 0, -EADDRNOTAVAIL },
	{ "0.0.0.0", "0.0.0.0", AF_INET, 3260, -EADDRNOTAVAIL },
	{ "multicast", "224.0.0.1", AF_INET, 3260, -EADDRNOTAVAIL },
	{ "broadcast", "255.255.255.255", AF_INET, 3260, -EADDRNOTAVAIL },
	{ "IPv6 without port", "fd15::2", AF_INET6, 0, -EADDRNOTAVAIL },
	{ "::", "::", AF_INET6, 3260, -EADDRNOTAVAIL },
	{ "IPv6 multicast", "ff02::1", AF_INET6, 3260, -EADDRNOTAVAIL },
	{ "no IP address", NULL, AF_UNIX, 3260, -EAFNOSUPPORT },
	{ "no route", "203.0.113.1", AF_INET, 3260, -ENETUNREACH },
};

KUNIT_ARRAY_PARAM_DESC(portal, portal_cases, desc);

static void what_cannot_be_a_portal_is_refused(struct kunit *test)
{
	const struct portal_case *c = test->param_value;
	struct bed *bed = bed_create(test, NULL);
	struct sockaddr_storage addr = { .ss_family = c->family };
	char port[8];
	u64 ep;

	snprintf(port, sizeof(port), "%u", c->port);
	if (c->host)
		KUNIT_ASSERT_EQ(test, 0, inet_pton_with_scope(&init_net,
							      c->family, c->host,
							      port, &addr));
	KUNIT_EXPECT_EQ(test, c->wanted,
			iscsid_ep_connect(bed->iscsid, &addr, &ep));
}

static void blocking_connect_returns_connected(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, NULL);
	struct sockaddr_storage addr;

	bed->iscsid->connect_blocks = true;
	fake_net_portal(&addr, bed->hca->net, false);
	KUNIT_ASSERT_EQ(test, iscsid_ep_connect(bed->iscsid, &addr, &s->ep), 0);
	KUNIT_EXPECT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), 1);
}

static void blocking_connect_returns_why_not(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, NULL);
	struct sockaddr_storage addr;

	bed->iscsid->connect_blocks = true;
	bed->hca->fail_verb[FAKE_CONNECT] = 1;
	fake_net_portal(&addr, bed->hca->net, false);
	KUNIT_EXPECT_LT(test, iscsid_ep_connect(bed->iscsid, &addr, &s->ep), 0);
}

static void session_tells_its_portal(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct sockaddr_storage addr;
	char path[80], text[64], wanted[64];

	fake_net_portal(&addr, bed->hca->net, false);
	snprintf(path, sizeof(path),
		 "class/iscsi_connection/connection%u:0/address", s->sid);
	snprintf(wanted, sizeof(wanted), "%pIS", &addr);
	KUNIT_EXPECT_EQ(test, admin_read(path, text, sizeof(text)), 0);
	KUNIT_EXPECT_STREQ(test, text, wanted);
	snprintf(path, sizeof(path),
		 "class/iscsi_connection/connection%u:0/port", s->sid);
	snprintf(wanted, sizeof(wanted), "%u",
		 ntohs(((struct sockaddr_in *)&addr)->sin_port));
	KUNIT_EXPECT_EQ(test, admin_read(path, text, sizeof(text)), 0);
	KUNIT_EXPECT_STREQ(test, text, wanted);
}

/* As `iscsiadm -m session -P 1` shows it, where iscsi_tcp has it. */
static void session_tells_its_own_address(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	char path[80], text[64], wanted[64];

	snprintf(path, sizeof(path), "class/iscsi_host/host%u/ipaddress", s->host_no);
	snprintf(wanted, sizeof(wanted), "198.18.%u.1", bed->hca->net);
	KUNIT_EXPECT_EQ(test, admin_read(path, text, sizeof(text)), 0);
	KUNIT_EXPECT_STREQ(test, text, wanted);
	snprintf(path, sizeof(path),
		 "class/iscsi_connection/connection%u:0/local_port", s->sid);
	KUNIT_EXPECT_EQ(test, admin_read(path, text, sizeof(text)), 0);
}

/* Of a session that waits for its next connection nobody knows it. */
static void session_without_connection_has_no_address(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	char path[80], text[64];

	snprintf(path, sizeof(path), "class/iscsi_connection/connection%u:0/recv_tmo",
		 s->sid);
	KUNIT_EXPECT_EQ(test, admin_read(path, text, sizeof(text)), 0);
	snprintf(path, sizeof(path), "class/iscsi_host/host%u/initiatorname",
		 s->host_no);
	KUNIT_EXPECT_EQ(test, admin_read(path, text, sizeof(text)), 0);
	session_disconnect(s);
	session_stop(s);
	snprintf(path, sizeof(path), "class/iscsi_host/host%u/ipaddress", s->host_no);
	KUNIT_EXPECT_NE(test, admin_read(path, text, sizeof(text)), 0);
}

/* A route, and no RDMA device at its end. */
static void network_without_rdma_is_said(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, NULL);
	struct net_device *netdev = fake_net_create(bed->hca->net + 1000, false);
	struct sockaddr_storage addr;
	struct kmsg_dump_iter iter;

	KUNIT_ASSERT_NOT_NULL(test, netdev);
	fake_net_portal(&addr, bed->hca->net + 1000, false);
	admin_mark_log(&iter);
	if (!iscsid_ep_connect(bed->iscsid, &addr, &s->ep)) {
		bed_settle();
		KUNIT_EXPECT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), -ENODEV);
		session_disconnect(s);
	}
	KUNIT_EXPECT_EQ(test, 1, admin_count_log(&iter, "no RDMA device leads"));
	bed_settle();
	fake_net_destroy(netdev);
}

/* Sessions that there are keep what they have promised, over reconnects, too. */
static void new_sessions_use_max_sectors(struct kunit *test)
{
	const struct cmd_spec large = { .len = SZ_512K }, small = { .len = SZ_128K };
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL), *other;

	KUNIT_ASSERT_EQ(test, ulp_set_param(test, "max_sectors", "256"), 0);
	other = bed_logged_in(bed, NULL);
	KUNIT_EXPECT_EQ(test, s->shost->max_sectors, 1024);
	KUNIT_EXPECT_EQ(test, other->shost->max_sectors, 256);
	session_recover(s);
	cmd_expect_good(cmd_submit(s, &large));
	cmd_expect_good(cmd_submit(other, &small));
}

static u64 admin_custom(struct iscsi_stats *stats, const char *name)
{
	unsigned int i;

	for (i = 0; i < stats->custom_length; i++)
		if (!strcmp(stats->custom[i].desc, name))
			return stats->custom[i].value;
	return ~0ull;
}

/* A read of 8 KiB, a write of 12 KiB that is solicited, one of 4 KiB that is immediate. */
static void statistics_count_what_was_moved(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct iscsi_stats *before, *after;
	size_t size = struct_size(before, custom, ISCSI_STATS_CUSTOM_MAX);

	before = kunit_kzalloc(test, size, GFP_KERNEL);
	after = kunit_kzalloc(test, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, before);
	KUNIT_ASSERT_NOT_NULL(test, after);
	KUNIT_ASSERT_EQ(test, iscsid_get_stats(bed->iscsid, s->sid, before), 0);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 8192 }));
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 12288, .write = true }));
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096, .write = true }));
	KUNIT_ASSERT_EQ(test, iscsid_get_stats(bed->iscsid, s->sid, after), 0);
	KUNIT_EXPECT_EQ(test, after->scsicmd_pdus - before->scsicmd_pdus, 3);
	KUNIT_EXPECT_EQ(test, after->scsirsp_pdus - before->scsirsp_pdus, 3);
	KUNIT_EXPECT_EQ(test, after->txdata_octets - before->txdata_octets, 16384);
	KUNIT_EXPECT_EQ(test, after->rxdata_octets - before->rxdata_octets, 8192);
	KUNIT_EXPECT_EQ(test, after->login_pdus, 1);
	KUNIT_EXPECT_EQ(test, 8192, admin_custom(after, "read_bytes") -
				    admin_custom(before, "read_bytes"));
	KUNIT_EXPECT_EQ(test, 4096, admin_custom(after, "immediate_bytes"));
	KUNIT_EXPECT_EQ(test, 12288, admin_custom(after, "solicited_bytes"));
	KUNIT_EXPECT_EQ(test, 2, admin_custom(after, "registrations") -
				 admin_custom(before, "registrations"));
}

/* With InitialR2T=No: what is sent whole is registered only if it is in many pieces. */
static const struct whole_case {
	const char	*desc;
	struct cmd_spec	cmd;
	u64		registrations;
} whole_cases[] = {
	{ "pages", { .len = 24576, .offset = 512, .write = true }, 0 },
	{ "many pieces in the command",
	  { .len = 8192, .offset = 512, .piece = 1024, .write = true }, 1 },
	{ "many pieces in the Data-Out PDUs",
	  { .len = 24576, .offset = 512, .piece = 1024, .write = true }, 1 },
};

KUNIT_ARRAY_PARAM_DESC(whole, whole_cases, desc);

static void whole_writes_need_no_registration(struct kunit *test)
{
	const struct whole_case *c = test->param_value;
	struct bed *bed = bed_create(test, &(struct fake_hca_config) {
		.sg_gaps = true });
	struct session *s = bed_logged_in(bed, &(struct iscsid_params) {
		.no_initial_r2t = true });
	struct iscsi_stats *before, *after;
	size_t size = struct_size(before, custom, ISCSI_STATS_CUSTOM_MAX);

	before = kunit_kzalloc(test, size, GFP_KERNEL);
	after = kunit_kzalloc(test, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, before);
	KUNIT_ASSERT_NOT_NULL(test, after);
	KUNIT_ASSERT_EQ(test, iscsid_get_stats(bed->iscsid, s->sid, before), 0);
	cmd_expect_good(cmd_submit(s, &c->cmd));
	KUNIT_ASSERT_EQ(test, iscsid_get_stats(bed->iscsid, s->sid, after), 0);
	KUNIT_EXPECT_EQ(test, 0, admin_custom(after, "solicited_bytes"));
	KUNIT_EXPECT_EQ(test, c->registrations,
			admin_custom(after, "registrations") -
			admin_custom(before, "registrations"));
}

/* Reads of 8 KiB: what the target says is missing was not moved. */
static const struct residual_case {
	const char	*desc;
	u8		flags;
	u32		residual;
	u64		moved;
} residual_cases[] = {
	{ "nothing missing", 0, 4096, 8192 },
	{ "half of it missing", ISCSI_FLAG_CMD_UNDERFLOW, 4096, 4096 },
	{ "all of it missing", ISCSI_FLAG_CMD_UNDERFLOW, 8192, 0 },
	{ "more than all of it missing", ISCSI_FLAG_CMD_UNDERFLOW, 8193, 0 },
	{ "there was more", ISCSI_FLAG_CMD_OVERFLOW, 4096, 8192 },
};

KUNIT_ARRAY_PARAM_DESC(residual, residual_cases, desc);

static void residuals_are_not_counted(struct kunit *test)
{
	const struct residual_case *c = test->param_value;
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct iscsi_stats *stats;
	struct test_cmd *cmd;
	struct fake_pdu *pdu;
	u64 before;

	stats = kunit_kzalloc(test, struct_size(stats, custom,
						ISCSI_STATS_CUSTOM_MAX),
			      GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, stats);
	KUNIT_ASSERT_EQ(test, iscsid_get_stats(bed->iscsid, s->sid, stats), 0);
	before = admin_custom(stats, "read_bytes");
	bed->target->hold = true;
	cmd = cmd_submit(s, &(struct cmd_spec) { .len = 8192 });
	pdu = bed_next_pdu(bed, s->qp, ISCSI_OP_SCSI_CMD);
	target_send(bed->target, s->qp, &(struct iscsi_scsi_rsp) {
		.opcode = ISCSI_OP_SCSI_CMD_RSP,
		.flags = ISCSI_FLAG_CMD_FINAL | c->flags,
		.itt = pdu_hdr(pdu)->itt,
		.residual_count = cpu_to_be32(c->residual),
	}, NULL, 0, target_key(pdu));
	KUNIT_EXPECT_NE(test, cmd_wait(cmd), -ETIMEDOUT);
	KUNIT_ASSERT_EQ(test, iscsid_get_stats(bed->iscsid, s->sid, stats), 0);
	KUNIT_EXPECT_EQ(test, admin_custom(stats, "read_bytes") - before,
			c->moved);
	KUNIT_EXPECT_EQ(test, stats->rxdata_octets, before + c->moved);
}

static struct kunit_case ib_iser_admin_cases[] = {
	KUNIT_CASE_PARAM(parameter_keeps_to_its_range, param_gen_params),
	KUNIT_CASE(new_connections_use_the_parameters),
	KUNIT_CASE_PARAM(what_cannot_be_a_portal_is_refused, portal_gen_params),
	KUNIT_CASE(blocking_connect_returns_connected),
	KUNIT_CASE(blocking_connect_returns_why_not),
	KUNIT_CASE(session_tells_its_portal),
	KUNIT_CASE(session_tells_its_own_address),
	KUNIT_CASE(session_without_connection_has_no_address),
	KUNIT_CASE(network_without_rdma_is_said),
	KUNIT_CASE(new_sessions_use_max_sectors),
	KUNIT_CASE(statistics_count_what_was_moved),
	KUNIT_CASE_PARAM(whole_writes_need_no_registration, whole_gen_params),
	KUNIT_CASE_PARAM(residuals_are_not_counted, residual_gen_params),
	{}
};

static struct kunit_suite ib_iser_admin_suite = {
	.name = "ib_iser_admin",
	.test_cases = ib_iser_admin_cases,
};

kunit_test_suite(ib_iser_admin_suite);
