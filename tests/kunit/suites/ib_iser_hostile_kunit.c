// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Messages that no honest target sends. Each costs the connection, which is
 * reported once, and nothing else: the session logs in again and goes on. What
 * is merely unusual costs nothing.
 */
#include <scsi/libiscsi.h>

#include "admin.h"
#include "bed.h"

enum hostile_tag {
	TAG_RESERVED,		/* 0xffffffff */
	TAG_OF_COMMAND,		/* of a read that waits for its response */
	TAG_OF_NOBODY,		/* a slot that is not in use */
	TAG_BEYOND,		/* beyond the last slot */
	TAG_OLD,		/* of the command, in another age of the session */
};

enum hostile_inv {
	INV_NONE,
	INV_COMMAND,		/* the key of the command */
	INV_OTHER,		/* the key of another command */
};

struct hostile_case {
	const char		*desc;
	u32			len;		/* of the message */
	u8			iser_flags;
	u8			opcode;
	u8			hlength;	/* AHS, in words */
	u32			dlength;
	enum hostile_tag	tag;
	enum hostile_inv	inv;
	bool			harmless;
	u8			rejected;	/* opcode in the data of a Reject, */
	enum hostile_tag	rejected_tag;	/* and task tag */
	const char		*says;		/* what the log must have, too */
};

static const struct hostile_case hostile_cases[] = {
	/* shorter than a header: RFC 7145 section 9.2 and RFC 7143 11.2 */
	{ "no bytes at all", 0 },
	{ "one byte", 1, 0x10 },
	{ "an iSER header alone", 28, 0x10 },
	{ "a BHS that lacks its last byte", 75, 0x10, ISCSI_OP_NOOP_IN,
	  .says = "a PDU is shorter than its header" },
	/* not a control-type PDU */
	{ "Hello", 28, ISER_HELLO },
	{ "HelloReply", 28, ISER_HELLORPLY },
	{ "HelloReply in a long message", 76, ISER_HELLORPLY, ISCSI_OP_NOOP_IN },
	{ "iSER opcode 0", 76, 0x00, ISCSI_OP_NOOP_IN,
	  .says = "a message is no iSER control-type PDU" },
	{ "iSER opcode 0xf", 76, 0xf0, ISCSI_OP_NOOP_IN },
	/* data movement is RDMA: RFC 7145 sections 7.3.5, 7.3.6 */
	{ "Data-In", 76, 0x10, ISCSI_OP_SCSI_DATA_IN, .tag = TAG_OF_COMMAND },
	{ "Data-In with data", 588, 0x10, ISCSI_OP_SCSI_DATA_IN, 0, 512,
	  TAG_OF_COMMAND },
	{ "R2T", 76, 0x10, ISCSI_OP_R2T, .tag = TAG_OF_COMMAND,
	  .says = "of a kind that targets do not send over iSER" },
	/* not for an initiator, or not anything */
	{ "SCSI Command", 76, 0x10, ISCSI_OP_SCSI_CMD, .tag = TAG_OF_COMMAND },
	{ "Login Request", 76, 0x10, ISCSI_OP_LOGIN },
	{ "opcode 0x3e", 76, 0x10, 0x3e,
	  .says = "of a kind that targets do not send over iSER" },
	{ "opcode 0x1c", 76, 0x10, 0x1c },
	/* lengths that contradict each other */
	{ "NOP-In, one byte of data missing", 79, 0x10, ISCSI_OP_NOOP_IN, 0, 4,
	  .says = "a PDU is not as long as its header says" },
	{ "NOP-In, a word too long", 80, 0x10, ISCSI_OP_NOOP_IN,
	  .says = "a PDU is not as long as its header says" },
	{ "SCSI Response, no sense data behind its length", 76, 0x10,
	  ISCSI_OP_SCSI_CMD_RSP, 0, 20, TAG_OF_COMMAND },
	{ "SCSI Response, the longest data segment there can be", 76, 0x10,
	  ISCSI_OP_SCSI_CMD_RSP, 0, 0xffffff, TAG_OF_COMMAND },
	{ "SCSI Response, AHS missing", 76, 0x10, ISCSI_OP_SCSI_CMD_RSP, 1, 0,
	  TAG_OF_COMMAND },
	{ "SCSI Response, the longest AHS there can be", 1096, 0x10,
	  ISCSI_OP_SCSI_CMD_RSP, 255, 0xffffff, TAG_OF_COMMAND },
	{ "Login Response longer than the message", 8268, 0x10,
	  ISCSI_OP_LOGIN_RSP, 0, 8193 },
	{ "longer than any receive", 9000, 0x10, ISCSI_OP_TEXT_RSP, 0, 8924 },
	/* task tags */
	{ "SCSI Response to nobody's task", 76, 0x10, ISCSI_OP_SCSI_CMD_RSP,
	  .tag = TAG_OF_NOBODY },
	{ "SCSI Response beyond the last task", 76, 0x10, ISCSI_OP_SCSI_CMD_RSP,
	  .tag = TAG_BEYOND, .says = "a response names no task" },
	{ "SCSI Response with the reserved tag", 76, 0x10,
	  ISCSI_OP_SCSI_CMD_RSP, .tag = TAG_RESERVED },
	{ "SCSI Response of an earlier age", 76, 0x10, ISCSI_OP_SCSI_CMD_RSP,
	  .tag = TAG_OLD, .says = "for nothing that waits for one" },
	{ "Text Response to nobody's task", 76, 0x10, ISCSI_OP_TEXT_RSP,
	  .tag = TAG_OF_NOBODY },
	{ "TMF Response beyond the last task", 76, 0x10,
	  ISCSI_OP_SCSI_TMFUNC_RSP, .tag = TAG_BEYOND },
	/* invalidations */
	{ "SCSI Response invalidates another command's key", 76, 0x10,
	  ISCSI_OP_SCSI_CMD_RSP, .tag = TAG_OF_COMMAND, .inv = INV_OTHER,
	  .says = "an rkey that is not its command's" },
	{ "NOP-In invalidates a key", 76, 0x10, ISCSI_OP_NOOP_IN,
	  .inv = INV_COMMAND,
	  .says = "an invalidation came without a SCSI response" },
	{ "Async Message invalidates a key", 76, 0x10, ISCSI_OP_ASYNC_EVENT,
	  .inv = INV_COMMAND },
	/* RFC 7143 section 11.17: the header is mandatory */
	{ "Reject without the header it rejects", 76, 0x10, ISCSI_OP_REJECT,
	  .says = "libiscsi refused a PDU" },
	{ "Reject of a NOP-Out that nobody sent", 124, 0x10, ISCSI_OP_REJECT, 0,
	  48, .rejected = ISCSI_OP_NOOP_OUT, .rejected_tag = TAG_OF_NOBODY },
	{ "Reject of a NOP-Out with a command's tag", 124, 0x10, ISCSI_OP_REJECT,
	  0, 48, .rejected = ISCSI_OP_NOOP_OUT, .rejected_tag = TAG_OF_COMMAND },
	{ "Reject of a NOP-Out beyond the last task", 124, 0x10, ISCSI_OP_REJECT,
	  0, 48, .rejected = ISCSI_OP_NOOP_OUT, .rejected_tag = TAG_BEYOND },
	{ "Reject with a part of the header it rejects", 80, 0x10, ISCSI_OP_REJECT,
	  0, 4, .rejected = ISCSI_OP_NOOP_OUT, .says = "libiscsi refused a PDU" },
	/* unusual, and in order */
	{ "NOP-In that wants no answer", 76, 0x10, ISCSI_OP_NOOP_IN,
	  .harmless = true },
	{ "padding behind the data", 80, 0x10, ISCSI_OP_ASYNC_EVENT, 0, 1,
	  .harmless = true },
	{ "data without padding", 77, 0x10, ISCSI_OP_ASYNC_EVENT, 0, 1,
	  .harmless = true },
	{ "Reject with the header it rejects", 124, 0x10, ISCSI_OP_REJECT, 0, 48,
	  .harmless = true, .rejected = ISCSI_OP_TEXT },
};

KUNIT_ARRAY_PARAM_DESC(hostile, hostile_cases, desc);

static itt_t hostile_tag(enum hostile_tag tag, const struct fake_pdu *cmd)
{
	u32 itt = (__force u32)pdu_hdr(cmd)->itt;

	switch (tag) {
	case TAG_OF_COMMAND:
		break;
	case TAG_OF_NOBODY:
		itt = (itt & ~ISCSI_ITT_MASK) | 100;
		break;
	case TAG_BEYOND:
		itt |= ISCSI_ITT_MASK;
		break;
	case TAG_OLD:
		itt ^= 5 << ISCSI_AGE_SHIFT;
		break;
	default:
		return RESERVED_ITT;
	}
	return (__force itt_t)itt;
}

/* The message in a buffer of exactly its length; what follows a BHS is zero. */
static u8 *hostile_message(struct kunit *test, const struct hostile_case *c,
			   const struct fake_pdu *cmd)
{
	u8 *msg = kunit_kzalloc(test, max(c->len, 1), GFP_KERNEL);
	u8 *full = kunit_kzalloc(test, ISER_HDR_LEN, GFP_KERNEL);
	struct iscsi_hdr *bhs = (void *)(full + sizeof(struct iser_ctrl));

	KUNIT_ASSERT_NOT_NULL(test, msg);
	KUNIT_ASSERT_NOT_NULL(test, full);
	full[0] = c->iser_flags;
	bhs->opcode = c->opcode;
	bhs->flags = ISCSI_FLAG_CMD_FINAL;
	bhs->hlength = c->hlength;
	hton24(bhs->dlength, c->dlength);
	bhs->itt = hostile_tag(c->tag, cmd);
	bhs->ttt = cpu_to_be32(ISCSI_RESERVED_TAG);
	memcpy(msg, full, min_t(u32, c->len, ISER_HDR_LEN));
	if (c->opcode != ISCSI_OP_REJECT)
		return msg;
	bhs->opcode = c->rejected;
	bhs->itt = hostile_tag(c->rejected_tag, cmd);
	memcpy(msg + c->len - c->dlength, bhs, c->dlength);
	return msg;
}

static u32 hostile_key(const struct hostile_case *c, const struct fake_pdu *cmd,
		       const struct fake_pdu *other)
{
	switch (c->inv) {
	case INV_COMMAND:
		return target_key(cmd);
	case INV_OTHER:
		return target_key(other);
	default:
		return 0;
	}
}

static void connection_fails_once_session_goes_on(struct kunit *test)
{
	const struct hostile_case *c = test->param_value;
	struct cmd_spec read = { .len = 4096 };
	struct bed *bed = bed_create(test, NULL);
	struct session *other = bed_logged_in(bed, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct fake_pdu *pdu1, *pdu2;
	struct test_cmd *cmd1, *cmd2;
	struct kmsg_dump_iter iter;

	admin_mark_log(&iter);
	bed->target->hold = true;
	cmd1 = cmd_submit(s, &read);
	cmd2 = cmd_submit(s, &read);
	pdu1 = bed_next_pdu(bed, s->qp, ISCSI_OP_SCSI_CMD);
	pdu2 = bed_next_pdu(bed, s->qp, ISCSI_OP_SCSI_CMD);
	fake_qp_deliver(s->qp, hostile_message(test, c, pdu1), c->len,
			hostile_key(c, pdu1, pdu2));
	bed_expect_conn_errors(bed, !c->harmless);
	KUNIT_EXPECT_EQ(test, cmd_is_done(cmd1), !c->harmless);
	KUNIT_EXPECT_EQ(test, cmd_is_done(cmd2), !c->harmless);
	if (c->says)
		KUNIT_EXPECT_EQ(test, admin_count_log(&iter, c->says), 1);
	bed->target->hold = false;
	if (c->harmless) {
		target_serve(bed->target, s->qp, pdu1);
		target_serve(bed->target, s->qp, pdu2);
		cmd_expect_good(cmd1);
		cmd_expect_good(cmd2);
	} else {
		session_recover(s);
	}
	cmd_expect_good(cmd_submit(s, &read));
	cmd_expect_good(cmd_submit(other, &read));
}

/* Full feature phase begins with a Login Response, and that with a login. */
static void target_speaks_first(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, NULL);
	struct iscsi_nopin ping = {
		.opcode = ISCSI_OP_NOOP_IN,
		.flags = ISCSI_FLAG_CMD_FINAL,
		.itt = RESERVED_ITT,
		.ttt = cpu_to_be32(ISCSI_RESERVED_TAG),
	};

	session_connect(s);
	KUNIT_EXPECT_EQ(test, 0, target_send(bed->target, s->qp, &ping, NULL, 0,
					     0));
	bed_settle();
	KUNIT_EXPECT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), -EPROTO);
}

/* response | the same once more: libiscsi knows the task no longer */
static void second_response_fails_connection(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct fake_pdu *pdu;
	struct test_cmd *cmd;

	bed->target->hold = true;
	bed->hca->hold_completions = true;
	cmd = cmd_submit(s, &(struct cmd_spec) { .len = 4096 });
	pdu = bed_next_pdu(bed, s->qp, ISCSI_OP_SCSI_CMD);
	target_place_read(bed->target, s->qp, pdu);
	target_respond(bed->target, s->qp, pdu);
	target_respond_status(bed->target, s->qp, pdu, 0, 0, NULL, 0);
	bed_expect_conn_errors(bed, 1);
	KUNIT_EXPECT_TRUE(test, cmd_is_done(cmd));
}

/* An RDMA WRITE with immediate data: what is in the receive is an older message. */
static void completion_of_another_kind_fails_connection(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct kmsg_dump_iter iter;

	admin_mark_log(&iter);
	fake_qp_write_imm(s->qp, ISER_HDR_LEN);
	bed_expect_conn_errors(bed, 1);
	KUNIT_EXPECT_EQ(test, 1, admin_count_log(&iter, "was not for a SEND"));
	session_recover(s);
	cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
}

static struct kunit_case ib_iser_hostile_cases[] = {
	KUNIT_CASE(completion_of_another_kind_fails_connection),
	KUNIT_CASE_PARAM(connection_fails_once_session_goes_on,
			 hostile_gen_params),
	KUNIT_CASE(target_speaks_first),
	KUNIT_CASE(second_response_fails_connection),
	{}
};

static struct kunit_suite ib_iser_hostile_suite = {
	.name = "ib_iser_hostile",
	.test_cases = ib_iser_hostile_cases,
};

kunit_test_suite(ib_iser_hostile_suite);
