// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * T10 protection and the SCSI host: what it says that it can do, on each kind of
 * device, and what becomes of immediate and unsolicited data.
 */
#include "admin.h"
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

	KUNIT_ASSERT_EQ(test, ulp_set_param(test, "pi_enable", c->enable), 0);
	KUNIT_ASSERT_EQ(test, ulp_set_param(test, "pi_guard", c->guard), 0);
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

static void lack_of_protection_is_said_once(struct kunit *test)
{
	struct kmsg_dump_iter iter;
	struct bed *bed;
	int i;

	KUNIT_ASSERT_EQ(test, ulp_set_param(test, "pi_enable", "Y"), 0);
	admin_mark_log(&iter);
	bed = bed_create(test, NULL);
	for (i = 0; i < 3; i++)
		session_close(bed_logged_in(bed, NULL));
	KUNIT_EXPECT_EQ(test, 1,
			admin_count_log(&iter, "no T10 protection information"));
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

	session_disconnect(s);
	KUNIT_ASSERT_EQ(test, 0, iscsid_stop_conn(bed->iscsid, s->sid,
						  STOP_CONN_RECOVER));
	session_connect(t);
	KUNIT_EXPECT_EQ(test, iscsid_bind_conn(bed->iscsid, s->sid, t->ep),
			-EINVAL);
	session_close(t);
	session_log_in_again(s);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
}

static struct kunit_case ib_iser_pi_host_cases[] = {
	KUNIT_CASE_PARAM(host_says_what_it_can, pi_host_gen_params),
	KUNIT_CASE(lack_of_protection_is_said_once),
	KUNIT_CASE_PARAM(all_data_is_solicited, pi_solicit_gen_params),
	KUNIT_CASE(session_refuses_a_device_without),
	{}
};

static struct kunit_suite ib_iser_pi_host_suite = {
	.name = "ib_iser_pi_host",
	.test_cases = ib_iser_pi_host_cases,
};

kunit_test_suite(ib_iser_pi_host_suite);
