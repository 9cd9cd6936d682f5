// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Whether a session fits a connection: the negotiated values at START_CONN, and
 * at a bind the SCSI host, which was made for the device of the first one.
 */
#include "bed_pi.h"

static const struct start_case {
	const char		*desc;
	struct fake_hca_config	cfg;
	struct iscsid_params	params;
	bool			no_segment;	/* TargetRecvDataSegmentLength 0 */
	int			wanted;
} start_cases[] = {
	{ "no room for immediate data", {}, {}, true, -EINVAL },
	{ "no room for unsolicited data", {},
	  { .no_immediate = true, .no_initial_r2t = true }, true, -EINVAL },
	{ "no room, and no need", {}, { .no_immediate = true }, true, 0 },
	/* FirstBurstLength is over with the immediate data */
	{ "nothing left for Data-Out PDUs", {},
	  { .no_initial_r2t = true, .first_burst = 8192 } },
	/*
	 * Of 127 entries 32 are for LOCAL_INVs, and 16 stay free. Of what is left a
	 * registration and the command take 2, and up to 15 are unsignalled.
	 */
	{ "as many Data-Out PDUs as the send queue has", { .max_qp_wr = 128 },
	  { .no_initial_r2t = true, .max_xmit = 512, .first_burst = 63 * 512 } },
	{ "one more than it has", { .max_qp_wr = 128 },
	  { .no_initial_r2t = true, .max_xmit = 512, .first_burst = 64 * 512 },
	  false, -EINVAL },
	{ "as many as it has without inline SENDs",
	  { .max_qp_wr = 128, .no_inline = true },
	  { .no_initial_r2t = true, .max_xmit = 512, .first_burst = 78 * 512 } },
	{ "one more than that", { .max_qp_wr = 128, .no_inline = true },
	  { .no_initial_r2t = true, .max_xmit = 512, .first_burst = 79 * 512 },
	  false, -EINVAL },
	{ "far more than it has", { .max_qp_wr = 128 },
	  { .no_initial_r2t = true, .max_xmit = 512, .first_burst = 262144 },
	  false, -EINVAL },
	/* a command is no longer than 64 KiB: 15 PDUs, whatever FirstBurstLength */
	{ "more than a command can be long",
	  { .max_qp_wr = 65, .max_pages = 17 },
	  { .no_initial_r2t = true, .max_xmit = 4096, .first_burst = 262144 } },
};

KUNIT_ARRAY_PARAM_DESC(start, start_cases, desc);

static void start_expect_good_io(struct session *s)
{
	u32 len;

	for (len = 4096; len <= 65536; len *= 2) {
		cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = len }));
		cmd_expect_good(cmd_submit(s, &(struct cmd_spec) {
			.len = len, .write = true }));
	}
}

static void start_takes_what_fits(struct kunit *test)
{
	const struct start_case *c = test->param_value;
	struct bed *bed = bed_create(test, &c->cfg);
	struct session *s = bed_session(bed, &c->params);
	struct iscsid *d = bed->iscsid;

	session_connect(s);
	session_create(s);
	session_bind(s);
	KUNIT_ASSERT_EQ(test, iscsid_set_params(d, s->sid, &s->params), 0);
	if (c->no_segment)
		KUNIT_ASSERT_EQ(test, 0,
				iscsid_set_param(d, s->sid,
						 ISCSI_PARAM_MAX_XMIT_DLENGTH,
						 "0"));
	KUNIT_ASSERT_EQ(test, iscsid_login(d, s->sid, true), 0);
	bed_settle();
	KUNIT_EXPECT_EQ(test, iscsid_start_conn(d, s->sid), c->wanted);
	if (c->wanted)
		return;
	bed_settle();
	session_scan(s);
	start_expect_good_io(s);
}

/* START_CONN twice: what it has made is there, and in use. */
static void second_start_changes_nothing(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, &(struct iscsid_params) {
		.no_initial_r2t = true });
	struct test_cmd *cmd;
	struct fake_pdu *pdu;

	bed->hca->hold_completions = true;
	bed->target->hold = true;
	cmd = cmd_submit(s, &(struct cmd_spec) { .len = 65536, .write = true });
	pdu = bed_next_pdu(bed, s->qp, ISCSI_OP_SCSI_CMD);
	KUNIT_EXPECT_EQ(test, iscsid_start_conn(bed->iscsid, s->sid), 0);
	target_serve(bed->target, s->qp, pdu);
	while ((pdu = fake_qp_take_pdu(s->qp))) {
		target_serve(bed->target, s->qp, pdu);
		kfree(pdu);
	}
	bed->hca->hold_completions = false;
	fake_qp_complete_all(s->qp);
	cmd_expect_good(cmd);
	bed->target->hold = false;
	start_expect_good_io(s);
}

/* FirstBurstLength over MaxBurstLength, which libiscsi refuses | other values */
static void failed_start_is_not_made_good(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, &(struct iscsid_params) {
		.no_initial_r2t = true, .first_burst = 16384 });
	struct iscsid *d = bed->iscsid;

	s->cmds_max = 32;
	session_connect(s);
	session_create(s);
	session_bind(s);
	KUNIT_ASSERT_EQ(test, iscsid_set_params(d, s->sid, &s->params), 0);
	KUNIT_ASSERT_EQ(test, 0, iscsid_set_param(d, s->sid,
						  ISCSI_PARAM_MAX_BURST, "8192"));
	KUNIT_ASSERT_EQ(test, iscsid_login(d, s->sid, true), 0);
	bed_settle();
	KUNIT_EXPECT_EQ(test, iscsid_start_conn(d, s->sid), -EINVAL);
	KUNIT_ASSERT_EQ(test, 0, iscsid_set_param(d, s->sid,
						  ISCSI_PARAM_MAX_BURST, "262144"));
	KUNIT_ASSERT_EQ(test, 0, iscsid_set_param(d, s->sid,
						  ISCSI_PARAM_FIRST_BURST, "262144"));
	KUNIT_EXPECT_EQ(test, iscsid_start_conn(d, s->sid), -EINVAL);
	KUNIT_ASSERT_EQ(test, 0, iscsid_set_param(d, s->sid,
						  ISCSI_PARAM_FIRST_BURST, "16384"));
	KUNIT_EXPECT_EQ(test, iscsid_start_conn(d, s->sid), 0);
	bed_settle();
	session_scan(s);
	start_expect_good_io(s);
}

static const struct move_case {
	const char		*desc;
	struct fake_hca_config	from, to;
	bool			other_guard;
	int			wanted;
} move_cases[] = {
	{ "to one alike" },
	{ "to longer page lists", { .max_pages = 64 } },
	{ "to shorter page lists", {}, { .max_pages = 64 }, false, -EINVAL },
	{ "to one that takes gaps", {}, { .sg_gaps = true } },
	{ "to one that takes no gaps", { .sg_gaps = true }, {}, false, -EINVAL },
	{ "to shorter queues", {}, { .max_qp_wr = 128 }, false, -EINVAL },
	{ "to fewer elements in a SEND", {}, { .max_send_sge = 2 } },
	{ "with protection, to one alike", { .integrity = true },
	  { .integrity = true } },
	{ "with protection, to one of type 1 only", { .integrity = true },
	  { .integrity = true, .prot_caps = IB_PROT_T10DIF_TYPE_1 }, false,
	  -EINVAL },
	{ "with protection, to another guard", { .integrity = true },
	  { .integrity = true }, true, -EINVAL },
	{ "without protection, to one that has it", {}, { .integrity = true } },
};

KUNIT_ARRAY_PARAM_DESC(move, move_cases, desc);

/* The device is replaced by another one, and iscsid connects anew. */
static void session_moves_to_a_device_that_fits(struct kunit *test)
{
	const struct move_case *c = test->param_value;
	struct session *s;
	struct bed *bed;

	KUNIT_ASSERT_EQ(test, ulp_set_param(test, "pi_enable", "Y"), 0);
	KUNIT_ASSERT_EQ(test, ulp_set_param(test, "pi_guard", "0"), 0);
	bed = bed_create(test, &c->from);
	s = bed_logged_in(bed, &(struct iscsid_params) { .recovery_tmo = 60 });
	fake_hca_unplug(bed->hca);
	session_disconnect(s);
	KUNIT_ASSERT_EQ(test, 0, iscsid_stop_conn(bed->iscsid, s->sid,
						  STOP_CONN_RECOVER));
	bed->hca->cfg = c->to;
	if (c->other_guard)
		KUNIT_ASSERT_EQ(test, ulp_set_param(test, "pi_guard", "1"), 0);
	bed_replug(bed);
	session_connect(s);
	KUNIT_EXPECT_EQ(test, c->wanted,
			iscsid_bind_conn(bed->iscsid, s->sid, s->ep));
	if (c->wanted)
		return;
	session_login(s);
	start_expect_good_io(s);
}

static struct kunit_case ib_iser_start_cases[] = {
	KUNIT_CASE_PARAM(start_takes_what_fits, start_gen_params),
	KUNIT_CASE(second_start_changes_nothing),
	KUNIT_CASE(failed_start_is_not_made_good),
	KUNIT_CASE_PARAM(session_moves_to_a_device_that_fits, move_gen_params),
	{}
};

static struct kunit_suite ib_iser_start_suite = {
	.name = "ib_iser_start",
	.test_cases = ib_iser_start_cases,
};

kunit_test_suite(ib_iser_start_suite);
