// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * T10 protection and the rest of the module: what a host says that it can do,
 * what becomes of immediate and unsolicited data, verbs that fail, and protected
 * commands in flight when the connection or the device goes.
 */
#include <linux/delay.h>
#include <linux/kmsg_dump.h>
#include <linux/unaligned.h>
#include <scsi/scsi_transport.h>

#include "bed_pi.h"

#define DIF_1_3	(SHOST_DIF_TYPE1_PROTECTION | SHOST_DIF_TYPE3_PROTECTION)
#define DIX_0_1_3 (SHOST_DIX_TYPE0_PROTECTION | SHOST_DIX_TYPE1_PROTECTION | \
		   SHOST_DIX_TYPE3_PROTECTION)

static const struct pi_host_case {
	const char		*desc;
	struct fake_hca_config	cfg;
	const char		*enable, *guard;
	/* wanted */
	u32			prot;		/* SHOST_* */
	u8			shost_guard;
	u32			max_sectors;
} pi_host_cases[] = {
	/* type 2 wants CDBs of 32 bytes, which the module does not send */
	{ "all that a device may have", { .integrity = true }, "Y", "0",
	  DIF_1_3 | DIX_0_1_3, SHOST_DIX_GUARD_CRC, 1024 },
	{ "IP checksums", { .integrity = true }, "Y", "1",
	  DIF_1_3 | DIX_0_1_3, SHOST_DIX_GUARD_IP, 1024 },
	{ "not asked for", { .integrity = true }, "N", "0", 0, 0, 1024 },
	{ "a device without", { .integrity = false }, "Y", "0", 0, 0, 1024 },
	{ "type 1 only",
	  { .integrity = true, .prot_caps = IB_PROT_T10DIF_TYPE_1 }, "Y", "0",
	  SHOST_DIF_TYPE1_PROTECTION | SHOST_DIX_TYPE0_PROTECTION |
	  SHOST_DIX_TYPE1_PROTECTION, SHOST_DIX_GUARD_CRC, 1024 },
	/* without a medium's protection reference tags count, as in type 1 */
	{ "type 3 only",
	  { .integrity = true, .prot_caps = IB_PROT_T10DIF_TYPE_3 }, "Y", "0",
	  SHOST_DIF_TYPE3_PROTECTION | SHOST_DIX_TYPE3_PROTECTION,
	  SHOST_DIX_GUARD_CRC, 1024 },
	{ "type 2 only",
	  { .integrity = true, .prot_caps = IB_PROT_T10DIF_TYPE_2 }, "Y", "0",
	  0, 0, 1024 },
	{ "no IP checksums, asked for CRC",
	  { .integrity = true, .guard_caps = IB_GUARD_T10DIF_CRC }, "Y", "0",
	  DIF_1_3 | DIX_0_1_3, SHOST_DIX_GUARD_CRC, 1024 },
	{ "no IP checksums, asked for them",
	  { .integrity = true, .guard_caps = IB_GUARD_T10DIF_CRC }, "Y", "1",
	  0, 0, 1024 },
	/* on the wire it is always CRC */
	{ "no CRC, asked for IP checksums",
	  { .integrity = true, .guard_caps = IB_GUARD_T10DIF_CSUM }, "Y", "1",
	  0, 0, 1024 },
	{ "shorter lists with integrity",
	  { .integrity = true, .max_pi_pages = 65 }, "Y", "0",
	  DIF_1_3 | DIX_0_1_3, SHOST_DIX_GUARD_CRC, 512 },
	{ "no lists to speak of",
	  { .integrity = true, .max_pi_pages = 1 }, "Y", "0", 0, 0, 1024 },
};

KUNIT_ARRAY_PARAM_DESC(pi_host, pi_host_cases, desc);

/* And I/O without protection goes on, whatever there is. */
static void host_says_what_it_can(struct kunit *test)
{
	const struct pi_host_case *c = test->param_value;
	const struct cmd_spec write = { .len = 65536, .write = true };
	const struct cmd_spec read = { .len = 65536 };
	struct session *s;

	KUNIT_ASSERT_EQ(test, bed_set_param(test, "pi_enable", c->enable), 0);
	KUNIT_ASSERT_EQ(test, bed_set_param(test, "pi_guard", c->guard), 0);
	s = bed_logged_in(bed_create(test, &c->cfg), NULL);
	KUNIT_EXPECT_EQ(test, scsi_host_get_prot(s->shost), c->prot);
	KUNIT_EXPECT_EQ(test, scsi_host_get_guard(s->shost), c->shost_guard);
	KUNIT_EXPECT_EQ(test, s->shost->max_sectors, c->max_sectors);
	if (c->prot)
		KUNIT_EXPECT_GE(test, s->shost->sg_prot_tablesize,
				s->shost->sg_tablesize);
	cmd_expect_good(cmd_submit(s, &read));
	cmd_expect_good(cmd_submit(s, &write));
}

/* Lines of the log, from @iter on, that contain @text. */
static unsigned int pi_count_log(struct kmsg_dump_iter *iter, const char *text)
{
	static char line[512];
	unsigned int n = 0;
	size_t len;

	while (kmsg_dump_get_line(iter, false, line, sizeof(line) - 1, &len)) {
		line[len] = 0;
		n += !!strstr(line, text);
	}
	return n;
}

static void lack_of_protection_is_said_once(struct kunit *test)
{
	struct kmsg_dump_iter iter;
	struct bed *bed;
	int i;

	KUNIT_ASSERT_EQ(test, bed_set_param(test, "pi_enable", "Y"), 0);
	kmsg_dump_rewind(&iter);
	pi_count_log(&iter, "");
	bed = bed_create(test, NULL);
	for (i = 0; i < 3; i++)
		session_close(bed_logged_in(bed, NULL));
	KUNIT_EXPECT_EQ(test, 1,
			pi_count_log(&iter, "no T10 protection information"));
}

static void parameters_have_ranges(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, bed_set_param(test, "pi_guard", "2"), -ERANGE);
	KUNIT_EXPECT_EQ(test, bed_set_param(test, "pi_guard", "-1"), -ERANGE);
	KUNIT_EXPECT_EQ(test, bed_set_param(test, "pi_guard", "CRC"), -EINVAL);
	KUNIT_EXPECT_EQ(test, bed_set_param(test, "pi_enable", "2"), -EINVAL);
}

/*
 * Whatever was negotiated: protection is made where data is registered, so all
 * of it is, and the target has to ask for all of it. F says that nothing follows.
 */
static const struct pi_solicit_case {
	const char		*desc;
	struct iscsid_params	params;
	bool			protected;
} pi_solicit_cases[] = {
	{ "immediate data, protected", {}, true },
	{ "immediate data, not protected", {}, false },
	{ "unsolicited data, protected",
	  { .no_immediate = true, .no_initial_r2t = true }, true },
	{ "unsolicited data, not protected",
	  { .no_immediate = true, .no_initial_r2t = true }, false },
	{ "both, protected", { .no_initial_r2t = true }, true },
	{ "both, not protected", { .no_initial_r2t = true }, false },
};

KUNIT_ARRAY_PARAM_DESC(pi_solicit, pi_solicit_cases, desc);

static void pi_expect_solicited(struct session *s)
{
	const struct pi_solicit_case *c = s->bed->test->param_value;
	struct kunit *test = s->bed->test;
	const struct cmd_spec plain = { .len = 4096, .write = true };
	struct test_cmd *cmd = NULL;
	struct pi_cmd *pi = NULL;
	struct fake_pdu *pdu;

	s->bed->target->hold = true;
	if (c->protected) {
		pi = pi_create(s, &(struct pi_spec) {
			.op = SCSI_PROT_WRITE_INSERT,
			.type = 1,
			.len = 4096,
		});
		pi_submit(pi);
	} else {
		cmd = cmd_submit(s, &plain);
	}
	pdu = bed_next_pdu(s->bed, s->qp, ISCSI_OP_SCSI_CMD);
	KUNIT_EXPECT_EQ(test, pdu->len, 76);
	KUNIT_EXPECT_EQ(test, pdu_hdr(pdu)->flags, 0xa1);
	KUNIT_EXPECT_EQ(test, pdu_iser(pdu)->flags, 0x18);
	KUNIT_EXPECT_NULL(test, fake_qp_take_pdu(s->qp));
	if (pi)
		pi_serve(pi, s->qp, pdu);
	else
		KUNIT_EXPECT_EQ(test, 0, target_fetch_write(s->bed->target, s->qp,
							    pdu));
	KUNIT_EXPECT_EQ(test, target_respond(s->bed->target, s->qp, pdu), 0);
	if (pi)
		pi_expect_good(pi);
	else
		cmd_expect_good(cmd);
	s->bed->target->hold = false;
}

static void all_data_is_solicited(struct kunit *test)
{
	const struct pi_solicit_case *c = test->param_value;
	struct fake_hca_config cfg = { .integrity = true };
	struct bed *bed = bed_create_pi(test, &cfg, false, 512);
	struct session *s = bed_logged_in(bed, &c->params);

	pi_expect_solicited(s);
	/* iscsid sets what was negotiated again, and so does the module */
	session_recover(s);
	pi_expect_solicited(s);
}

/* A host with protection, moved to a device that has none. */
static void session_refuses_a_device_without(struct kunit *test)
{
	struct fake_hca_config with = { .integrity = true };
	struct bed *bed = bed_create_pi(test, &with, false, 512);
	struct session *s = bed_logged_in(bed, NULL);
	struct bed *other = bed_create(test, NULL);
	struct session *t = bed_session(other, NULL);

	iscsid_ep_disconnect(bed->iscsid, s->ep);
	s->ep = 0;
	KUNIT_ASSERT_EQ(test, 0, iscsid_stop_conn(bed->iscsid, s->sid,
						  STOP_CONN_RECOVER));
	session_connect(t);
	KUNIT_EXPECT_EQ(test, iscsid_bind_conn(bed->iscsid, s->sid, t->ep),
			-EINVAL);
	session_close(t);
	session_connect(s);
	session_bind(s);
	session_login(s);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
}

/* Two commands that the target serves by itself: the wire is unprotected. */
static struct pi_cmd *pi_start(struct session *s, bool write)
{
	struct pi_cmd *cmd;

	cmd = pi_create(s, &(struct pi_spec) {
		.op = write ? SCSI_PROT_WRITE_STRIP : SCSI_PROT_READ_INSERT,
		.len = 20480,
		.prot_piece = 64,
		.retries = 5,
	});
	pi_submit(cmd);
	return cmd;
}

/* The verbs of the I/O path: the I/O is tried again, the session stays. */
static const struct pi_failure_case {
	const char	*desc;
	enum fake_verb	verb;
	int		call;
	bool		write;
} pi_failure_cases[] = {
	{ "read, DMA mapping of the data",		FAKE_DMA_MAP, 1, false },
	{ "read, DMA mapping of the protection",	FAKE_DMA_MAP, 2, false },
	{ "write, DMA mapping of the data",		FAKE_DMA_MAP, 1, true },
	{ "write, DMA mapping of the protection",	FAKE_DMA_MAP, 2, true },
	{ "read, mapping of the region",		FAKE_MAP_MR, 1, false },
	{ "write, mapping of the region",		FAKE_MAP_MR, 1, true },
	{ "read, post",					FAKE_POST_SEND, 1, false },
	{ "write, post",				FAKE_POST_SEND, 1, true },
};

KUNIT_ARRAY_PARAM_DESC(pi_failure, pi_failure_cases, desc);

static void io_path_retries(struct kunit *test)
{
	const struct pi_failure_case *c = test->param_value;
	struct fake_hca_config cfg = { .integrity = true, .sg_gaps = true };
	struct bed *bed = bed_create_pi(test, &cfg, false, 512);
	struct session *s = bed_logged_in(bed, NULL);
	struct pi_cmd *cmd;

	bed->hca->fail_verb[c->verb] =
		atomic_read(&bed->hca->verb_calls[c->verb]) + c->call;
	cmd = pi_start(s, c->write);
	KUNIT_EXPECT_FALSE(test, pi_is_done(cmd));
	pi_expect_good(cmd);
	iscsid_take_events(bed->iscsid);
	KUNIT_EXPECT_EQ(test, bed->iscsid->n_conn_errors, 0);
}

/* A session as far as it gets, with two commands if it gets there. */
static void pi_run_session(struct session *s)
{
	struct iscsid *d = s->bed->iscsid;
	struct kunit *test = s->bed->test;
	struct sockaddr_storage addr;
	struct pi_cmd *cmd[2];
	unsigned int i;

	fake_net_portal(&addr, s->bed->hca->net, false);
	if (iscsid_ep_connect(d, &addr, &s->ep))
		return;
	bed_settle();
	if (iscsid_ep_poll(d, s->ep) != 1)
		return;
	session_create(s);
	if (iscsid_bind_conn(d, s->sid, s->ep) ||
	    iscsid_set_params(d, s->sid, &s->params) ||
	    iscsid_login(d, s->sid, true))
		return;
	bed_settle();
	if (iscsid_start_conn(d, s->sid))
		return;
	bed_settle();
	s->shost->transportt->user_scan(s->shost, 0, 0, 0);
	s->sdev = scsi_device_lookup(s->shost, 0, 0, 0);
	if (!s->sdev)
		return;
	for (i = 0; i < ARRAY_SIZE(cmd); i++)
		cmd[i] = pi_start(s, i);
	for (i = 0; i < ARRAY_SIZE(cmd); i++) {
		KUNIT_EXPECT_TRUE(test, pi_wait(cmd[i]));
		iscsid_take_events(d);
		if (!d->n_conn_errors && cmd[i]->status != BLK_STS_PROTECTION)
			pi_expect_good(cmd[i]);
	}
}

static bool pi_fail_call(struct bed *bed, int n)
{
	struct session *s = bed_session(bed, NULL);
	struct kunit *test = bed->test;
	struct fake_hca *hca = bed->hca;

	s->cmds_max = 32;
	atomic_set(&hca->calls, 0);
	hca->fail_call = n;
	bed->iscsid->n_conn_errors = 0;
	pi_run_session(s);
	hca->fail_call = 0;
	session_close(s);
	KUNIT_EXPECT_EQ_MSG(test, hca->n_qp, 0, "call %d fails", n);
	KUNIT_EXPECT_EQ_MSG(test, hca->n_mr, 0, "call %d fails", n);
	KUNIT_EXPECT_EQ_MSG(test, hca->n_pd, 0, "call %d fails", n);
	KUNIT_EXPECT_EQ_MSG(test, hca->dma->live, 0, "call %d fails", n);
	KUNIT_EXPECT_EQ_MSG(test, hca->n_complaints, 0, "call %d fails", n);
	return atomic_read(&hca->calls) >= n;
}

static void every_verb_may_fail(struct kunit *test)
{
	struct fake_hca_config cfg = { .integrity = true };
	struct bed *bed = bed_create_pi(test, &cfg, false, 512);
	int n = 1;

	while (pi_fail_call(bed, n))
		n++;
	kunit_info(test, "%d calls, each failed once", n - 1);
	KUNIT_EXPECT_GT(test, n, 80);
}

/* Commands whose data phase has begun, and that the target keeps. */
static void pi_start_halfway(struct session *s, struct pi_cmd **cmd)
{
	struct fake_pdu *pdu;
	unsigned int i;
	u8 byte = 0;

	s->bed->target->hold = true;
	for (i = 0; i < 2; i++) {
		cmd[i] = pi_start(s, i);
		pdu = bed_next_pdu(s->bed, s->qp, ISCSI_OP_SCSI_CMD);
		KUNIT_EXPECT_EQ(s->bed->test, 0,
				fake_rdma(s->qp, target_key(pdu),
					  be64_to_cpu(i ? pdu_iser(pdu)->write_va :
						      pdu_iser(pdu)->read_va),
					  &byte, 1, !i));
	}
}

/* half of the data | CLOSED | ep_disconnect | stop | the commands come again */
static void connection_failure_costs_a_retry(struct kunit *test)
{
	struct fake_hca_config cfg = { .integrity = true, .sg_gaps = true };
	struct bed *bed = bed_create_pi(test, &cfg, true, 512);
	struct session *s = bed_logged_in(bed, NULL);
	struct pi_cmd *cmd[2];

	pi_start_halfway(s, cmd);
	fake_cm_disconnect(s->qp);
	bed_settle();
	bed->target->hold = false;
	session_recover(s);
	pi_expect_good(cmd[0]);
	pi_expect_good(cmd[1]);
}

/* half of the data | the device goes | recovery_tmo */
static void device_removal_ends_protected_commands(struct kunit *test)
{
	struct fake_hca_config cfg = { .integrity = true, .sg_gaps = true };
	struct bed *bed = bed_create_pi(test, &cfg, false, 512);
	struct session *s = bed_logged_in(bed, NULL);
	struct pi_cmd *cmd[2];
	unsigned int i;

	pi_start_halfway(s, cmd);
	fake_hca_unplug(bed->hca);
	KUNIT_EXPECT_EQ(test, bed->hca->n_mr, 0);
	KUNIT_EXPECT_EQ(test, bed->hca->dma->live, 0);
	iscsid_ep_disconnect(bed->iscsid, s->ep);
	s->ep = 0;
	KUNIT_EXPECT_EQ(test, 0, iscsid_stop_conn(bed->iscsid, s->sid,
						  STOP_CONN_RECOVER));
	for (i = 0; i < ARRAY_SIZE(cmd); i++) {
		KUNIT_EXPECT_TRUE(test, pi_wait(cmd[i]));
		KUNIT_EXPECT_NE(test, cmd[i]->status, BLK_STS_OK);
	}
}

/* More commands than the send queue has room for: none is lost. */
static void queue_is_never_overrun(struct kunit *test)
{
	struct fake_hca_config cfg = { .integrity = true, .max_qp_wr = 140 };
	struct bed *bed = bed_create_pi(test, &cfg, false, 512);
	struct session *s = bed_logged_in(bed, NULL);
	struct pi_cmd *cmd[64];
	unsigned int i;

	bed->hca->hold_completions = true;
	for (i = 0; i < ARRAY_SIZE(cmd); i++)
		cmd[i] = pi_start(s, i % 2);
	/* registration 4, SEND 1; the invalidation is the target's */
	KUNIT_EXPECT_GE(test, s->qp->sq_used, 5 * 20);
	bed->hca->hold_completions = false;
	fake_qp_run(s->qp);
	for (i = 0; i < ARRAY_SIZE(cmd); i++)
		pi_expect_good(cmd[i]);
}

static struct kunit_case ib_iser_pi_host_cases[] = {
	KUNIT_CASE_PARAM(host_says_what_it_can, pi_host_gen_params),
	KUNIT_CASE(lack_of_protection_is_said_once),
	KUNIT_CASE(parameters_have_ranges),
	KUNIT_CASE_PARAM(all_data_is_solicited, pi_solicit_gen_params),
	KUNIT_CASE(session_refuses_a_device_without),
	KUNIT_CASE_PARAM(io_path_retries, pi_failure_gen_params),
	KUNIT_CASE(every_verb_may_fail),
	KUNIT_CASE(connection_failure_costs_a_retry),
	KUNIT_CASE(device_removal_ends_protected_commands),
	KUNIT_CASE(queue_is_never_overrun),
	{}
};

static struct kunit_suite ib_iser_pi_host_suite = {
	.name = "ib_iser_pi_host",
	.test_cases = ib_iser_pi_host_cases,
};

kunit_test_suite(ib_iser_pi_host_suite);
