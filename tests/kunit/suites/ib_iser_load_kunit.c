// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Many commands: slots, keys and the entries of the queues are used over and
 * over, and when they run out, commands wait, and none is lost or fails.
 */
#include <linux/delay.h>

#include "bed.h"

#define LOAD_CMDS	64

/* Each slot's region is registered many times, each time under a new key. */
static void slots_are_used_again(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	unsigned int i;

	for (i = 0; i < 600; i++) {
		struct cmd_spec spec = {
			.len = 512 * (1 + i % 40),
			.write = i & 1,
		};

		bed->target->no_remote_inv = i & 2;
		cmd_expect_good(cmd_submit(s, &spec));
	}
}

/* Of SENDs that nobody waits for no more than 64 entries are in the queue. */
static void unsignalled_sends_are_bounded(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	unsigned int i, most = 0;

	for (i = 0; i < 100; i++) {
		cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
		most = max(most, s->qp->sq_used);
	}
	KUNIT_EXPECT_EQ(test, most, 64);
}

/* Those of commands with Data-Outs, too: what was chained to them is gone. */
static void slots_are_used_again_after_dataouts(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_session(bed, &(struct iscsid_params) {
		.no_initial_r2t = true, .max_xmit = 512, .first_burst = 8192 });
	unsigned int i;

	s->cmds_max = 16;
	session_connect(s);
	session_create(s);
	session_bind(s);
	session_login(s);
	session_scan(s);
	/* Fifteen slots in turn: each gets commands of all kinds. */
	for (i = 0; i < 96; i++)
		cmd_expect_good(cmd_submit(s, &(struct cmd_spec) {
			.len = i % 4 == 1 ? 512 : 4096, .write = i % 4 }));
}

/* As many as there are slots at once, answered last first. */
static void answers_come_in_reverse(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct test_cmd *cmd[16];
	struct fake_pdu *pdu[16];
	unsigned int i;

	bed->target->hold = true;
	for (i = 0; i < ARRAY_SIZE(cmd); i++) {
		cmd[i] = cmd_submit(s, &(struct cmd_spec) { .len = 8192 });
		pdu[i] = bed_next_pdu(bed, s->qp, ISCSI_OP_SCSI_CMD);
	}
	while (i--) {
		target_serve(bed->target, s->qp, pdu[i]);
		cmd_expect_good(cmd[i]);
	}
}

/* Completes SENDs until all commands are done, or nothing happens any more. */
static void load_run_dry(struct kunit *test, struct session *s,
			 struct test_cmd **cmd, unsigned int n)
{
	unsigned int i, rounds;

	for (rounds = 0; rounds < 1000; rounds++) {
		fake_qp_complete_all(s->qp);
		bed_settle();
		for (i = 0; i < n && cmd_is_done(cmd[i]); i++)
			;
		if (i == n)
			break;
	}
	for (i = 0; i < n; i++)
		cmd_expect_good(cmd[i]);
	bed_expect_conn_errors(s->bed, 0);
}

static const struct load_case {
	const char		*desc;
	struct fake_hca_config	cfg;
	struct iscsid_params	params;
	struct cmd_spec		cmd;
} load_cases[] = {
	{ "reads", {}, {}, { .len = 4096 } },
	/* for 16 of them, of the 32 that the disk takes at a time */
	{ "reads, the smallest send queue", { .max_qp_wr = 65 }, {},
	  { .len = 4096 } },
	{ "reads, the smallest send queue, no inline SENDs",
	  { .max_qp_wr = 65, .no_inline = true }, {}, { .len = 4096 } },
	{ "writes with Data-Out PDUs", {},
	  { .no_immediate = true, .no_initial_r2t = true, .max_xmit = 4096 },
	  { .len = 65536, .write = true } },
	{ "writes with many Data-Out PDUs, a small send queue",
	  { .max_qp_wr = 256 },
	  { .no_immediate = true, .no_initial_r2t = true, .max_xmit = 4096,
	    .first_burst = 65536 },
	  { .len = 65536, .write = true } },
	{ "writes with immediate data, few elements",
	  { .max_send_sge = 3 }, {}, { .len = 20480, .write = true } },
};

KUNIT_ARRAY_PARAM_DESC(load, load_cases, desc);

/* No SEND completes until all have been sent that can be. */
static void commands_wait_for_room(struct kunit *test)
{
	const struct load_case *c = test->param_value;
	struct bed *bed = bed_create(test, &c->cfg);
	struct session *s = bed_logged_in(bed, &c->params);
	unsigned int i, n = min(LOAD_CMDS, s->shost->can_queue);
	struct test_cmd **cmd;

	cmd = kunit_kcalloc(test, LOAD_CMDS, sizeof(*cmd), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cmd);
	bed->hca->hold_completions = true;
	bed->target->no_remote_inv = true;
	for (i = 0; i < n; i++)
		cmd[i] = cmd_submit(s, &c->cmd);
	bed_settle();
	load_run_dry(test, s, cmd, n);
}

/* What was reserved is given back, or there would soon be no room at all. */
static void failed_posts_take_no_room(struct kunit *test)
{
	struct bed *bed = bed_create(test, &(struct fake_hca_config) {
		.max_qp_wr = 65 });
	struct session *s = bed_logged_in(bed, NULL);
	struct fake_hca *hca = bed->hca;
	unsigned int i;

	for (i = 0; i < 40; i++) {
		hca->fail_verb[FAKE_POST_SEND] =
			atomic_read(&hca->verb_calls[FAKE_POST_SEND]) + 1;
		cmd_expect_good(cmd_submit(s, &(struct cmd_spec) { .len = 4096 }));
	}
	bed_expect_conn_errors(bed, 0);
}

static void load_serve(struct session *s, unsigned int n)
{
	struct fake_pdu *pdu;

	while (n-- && (pdu = fake_qp_take_pdu(s->qp))) {
		target_serve(s->bed->target, s->qp, pdu);
		kfree(pdu);
	}
	bed_settle();
}

/* The target's command window is closed for a while. */
static void closed_window_is_waited_for(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct test_cmd *cmd[8];
	struct session *s;
	unsigned int i;

	bed->target->window = 2;
	s = bed_logged_in(bed, NULL);
	bed->target->hold = true;
	for (i = 0; i < ARRAY_SIZE(cmd); i++)
		cmd[i] = cmd_submit(s, &(struct cmd_spec) { .len = 4096 });
	bed_settle();
	KUNIT_EXPECT_LE(test, s->qp->inbox_len, 2);
	bed->target->hold = false;
	load_serve(s, UINT_MAX);
	for (i = 0; i < ARRAY_SIZE(cmd); i++)
		cmd_expect_good(cmd[i]);
}

/* The oldest @n commands: their SENDs complete, and they are answered. */
static void load_end(struct session *s, unsigned int n)
{
	while (n--) {
		fake_qp_complete(s->qp, IB_WC_SUCCESS);
		load_serve(s, 1);
	}
}

/*
 * 79 entries are for commands. LUN 1 has 30 reads, of two entries each, under way;
 * LUN 0 asks for a write of 62. With 15 of the reads at an end 49 are free, which no
 * more reads may take: with a few more at an end the write goes first.
 */
static void long_command_is_not_starved(struct kunit *test)
{
	struct bed *bed = bed_create(test, &(struct fake_hca_config) {
		.max_qp_wr = 128, .no_inline = true });
	struct session *s = bed_logged_in(bed, &(struct iscsid_params) {
		.no_immediate = true, .no_initial_r2t = true, .max_xmit = 512,
		.first_burst = 60 * 512 });
	static const struct cmd_spec read = { .len = 4096, .other_lun = true };
	static const struct cmd_spec write = { .len = 60 * 512, .write = true };
	struct test_cmd *reads[31], *written;
	unsigned int i, served;

	session_scan_other(s);
	scsi_change_queue_depth(s->other_sdev, 32);
	bed->hca->hold_completions = true;
	bed->target->hold = true;
	for (i = 0; i < 30; i++)
		reads[i] = cmd_submit(s, &read);
	bed_settle();
	KUNIT_ASSERT_EQ(test, s->qp->inbox_len, 30);
	written = cmd_submit(s, &write);
	bed_settle();
	KUNIT_EXPECT_EQ(test, s->qp->inbox_len, 30);
	load_end(s, 15);
	reads[30] = cmd_submit(s, &read);
	bed_settle();
	KUNIT_EXPECT_EQ(test, s->qp->inbox_len, 15);
	/* SCSI tries one of the two at each completion. */
	for (served = 15; served < 30 && s->qp->inbox_len <= 30 - served; served++)
		load_end(s, 1);
	/* the command and its Data-Outs, and perhaps the read behind it */
	KUNIT_EXPECT_GE(test, s->qp->inbox_len, 30 - served + 61);
	bed->hca->hold_completions = false;
	fake_qp_complete_all(s->qp);
	bed->target->hold = false;
	load_serve(s, UINT_MAX);
	for (i = 0; i < ARRAY_SIZE(reads); i++)
		cmd_expect_good(reads[i]);
	cmd_expect_good(written);
}

/*
 * As much as may be in the send queue at once: reads, a write with Data-Outs if there
 * is room, pings. Each read can be invalidated all the same, or the queue is overrun,
 * of which the HCA complains.
 */
static void invalidations_find_room(struct kunit *test)
{
	struct bed *bed = bed_create(test, &(struct fake_hca_config) {
		.max_qp_wr = 128, .no_inline = true });
	struct session *s = bed_logged_in(bed, &(struct iscsid_params) {
		.no_immediate = true, .no_initial_r2t = true, .max_xmit = 512,
		.first_burst = 60 * 512 });
	struct iscsi_nopin ping = {
		.opcode = ISCSI_OP_NOOP_IN,
		.flags = ISCSI_FLAG_CMD_FINAL,
		.itt = RESERVED_ITT,
		.ttt = cpu_to_be32(7),
	};
	struct test_cmd *reads[16], *written;
	struct fake_pdu *pdus[16];
	unsigned int i;

	bed->hca->hold_completions = true;
	bed->target->hold_all = true;
	for (i = 0; i < ARRAY_SIZE(reads); i++) {
		reads[i] = cmd_submit(s, &(struct cmd_spec) { .len = 4096 });
		pdus[i] = bed_next_pdu(bed, s->qp, ISCSI_OP_SCSI_CMD);
	}
	written = cmd_submit(s, &(struct cmd_spec) { .len = 60 * 512, .write = true });
	for (i = 0; i < 100; i++)
		target_send(bed->target, s->qp, &ping, NULL, 0, 0);
	bed->target->no_remote_inv = true;
	for (i = 0; i < ARRAY_SIZE(reads); i++)
		target_serve(bed->target, s->qp, pdus[i]);
	bed_settle();
	bed->target->hold_all = false;
	bed->hca->hold_completions = false;
	fake_qp_complete_all(s->qp);
	load_serve(s, UINT_MAX);
	for (i = 0; i < ARRAY_SIZE(reads); i++)
		cmd_expect_good(reads[i]);
	load_serve(s, UINT_MAX);
	cmd_expect_good(written);
	bed_expect_conn_errors(bed, 0);
}

struct lun_removal {
	struct work_struct	work;
	struct scsi_device	*sdev;
};

static void load_remove_lun(struct work_struct *work)
{
	struct lun_removal *removal = container_of(work, struct lun_removal, work);

	scsi_remove_device(removal->sdev);
}

static const struct gone_case {
	const char		*desc;
	struct fake_hca_config	cfg;
	u32			dataouts;
} gone_cases[] = {
	{ "inline SENDs", { .max_qp_wr = 128 }, 62 },
	{ "no inline SENDs", { .max_qp_wr = 128, .no_inline = true }, 77 },
};

KUNIT_ARRAY_PARAM_DESC(gone, gone_cases, desc);

/*
 * A write that takes the whole queue waits for room, and its LUN goes with it: what
 * was left free for it is the others'. Of the reads in front one at least is signalled.
 */
static void long_command_that_goes_keeps_no_room(struct kunit *test)
{
	const struct gone_case *c = test->param_value;
	struct bed *bed = bed_create(test, &c->cfg);
	struct session *s = bed_logged_in(bed, &(struct iscsid_params) {
		.no_immediate = true, .no_initial_r2t = true, .max_xmit = 512,
		.first_burst = c->dataouts * 512 });
	static const struct cmd_spec read = { .len = 4096, .other_lun = true };
	struct cmd_spec write = { .len = c->dataouts * 512, .write = true };
	struct lun_removal removal = { .sdev = s->sdev };
	struct test_cmd *reads[9], *written;
	unsigned int i;

	INIT_WORK_ONSTACK(&removal.work, load_remove_lun);
	session_scan_other(s);
	bed->hca->hold_completions = true;
	bed->target->hold = true;
	for (i = 0; i < ARRAY_SIZE(reads); i++)
		reads[i] = cmd_submit(s, &read);
	bed_settle();
	written = cmd_submit(s, &write);
	bed_settle();
	KUNIT_EXPECT_EQ(test, s->qp->inbox_len, ARRAY_SIZE(reads));
	/* SCSI tries it again when another command has ended, and it is gone by then. */
	schedule_work(&removal.work);
	msleep(100);
	bed->target->hold = false;
	bed->hca->hold_completions = false;
	fake_qp_complete_all(s->qp);
	load_serve(s, ARRAY_SIZE(reads));
	for (i = 0; i < ARRAY_SIZE(reads); i++)
		cmd_expect_good(reads[i]);
	KUNIT_EXPECT_EQ(test, cmd_wait(written), DID_NO_CONNECT << 16);
	flush_work(&removal.work);
	destroy_work_on_stack(&removal.work);
	cmd_expect_good(cmd_submit(s, &read));
}

static struct kunit_case ib_iser_load_cases[] = {
	KUNIT_CASE(slots_are_used_again),
	KUNIT_CASE(unsignalled_sends_are_bounded),
	KUNIT_CASE(slots_are_used_again_after_dataouts),
	KUNIT_CASE(answers_come_in_reverse),
	KUNIT_CASE_PARAM(commands_wait_for_room, load_gen_params),
	KUNIT_CASE(failed_posts_take_no_room),
	KUNIT_CASE(closed_window_is_waited_for),
	KUNIT_CASE(long_command_is_not_starved),
	KUNIT_CASE(invalidations_find_room),
	KUNIT_CASE_PARAM(long_command_that_goes_keeps_no_room, gone_gen_params),
	{}
};

static struct kunit_suite ib_iser_load_suite = {
	.name = "ib_iser_load",
	.test_cases = ib_iser_load_cases,
};

kunit_test_suite(ib_iser_load_suite);
