// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Setting the bed up and taking it down. Sessions that a test leaves are closed
 * as iscsid closes them when it gives up: ep_disconnect, stop, destroy. The HCA
 * goes last, and finds out whether anything of theirs is left.
 */
#include <linux/delay.h>
#include <linux/slab.h>
#include <scsi/scsi_transport.h>

#include "bed.h"

/*
 * Lets everything run that can. With time travel the clock moves on only when
 * nothing can; otherwise this gives it a while.
 */
void bed_settle(void)
{
	msleep(30);
}

/* The HCA has nothing of the module's; what the MAD layer has does not count. */
void bed_expect_nothing_left(struct bed *bed)
{
	KUNIT_EXPECT_EQ(bed->test, bed->hca->n_qp, 0);
	KUNIT_EXPECT_EQ(bed->test, bed->hca->n_mr, 0);
	KUNIT_EXPECT_EQ(bed->test, bed->hca->n_pd, 0);
	KUNIT_EXPECT_EQ(bed->test, bed->hca->dma->live, 0);
}

/* And nothing to complain of: for tests that count to see what fails. */
void bed_expect_nothing_left_after(struct bed *bed, const char *what,
				   unsigned int n)
{
	struct fake_hca *hca = bed->hca;

	KUNIT_EXPECT_EQ_MSG(bed->test, 0, hca->n_qp + hca->n_mr + hca->n_pd +
			    hca->dma->live + hca->n_complaints,
			    "%s %u fails: %u QPs, %u MRs, %u PDs, %u mappings, %u complaints",
			    what, n, hca->n_qp, hca->n_mr, hca->n_pd,
			    hca->dma->live, hca->n_complaints);
}

/* iscsid has been told of @n failures so far. */
void bed_expect_conn_errors(struct bed *bed, unsigned int n)
{
	bed_settle();
	iscsid_take_events(bed->iscsid);
	KUNIT_EXPECT_EQ(bed->test, bed->iscsid->n_conn_errors, n);
}

static void session_put_scsi(struct session *s)
{
	if (s->sdev)
		scsi_device_put(s->sdev);
	if (s->other_sdev)
		scsi_device_put(s->other_sdev);
	if (s->shost)
		scsi_host_put(s->shost);
	s->sdev = NULL;
	s->other_sdev = NULL;
	s->shost = NULL;
}

/* Ends the session in whatever state it is. */
void session_close(struct session *s)
{
	struct iscsid *d = s->bed->iscsid;
	struct kunit *test = s->bed->test;

	if (s->ep)
		iscsid_ep_disconnect(d, s->ep);
	s->ep = 0;
	s->qp = NULL;
	if (s->has_conn) {
		KUNIT_EXPECT_EQ(test, 0,
				iscsid_stop_conn(d, s->sid, STOP_CONN_TERM));
		KUNIT_EXPECT_EQ(test, 0, iscsid_destroy_conn(d, s->sid));
	}
	s->has_conn = false;
	session_put_scsi(s);
	if (s->has_session)
		KUNIT_EXPECT_EQ(test, 0, iscsid_destroy_session(d, s->sid));
	s->has_session = false;
	bed_settle();
}

static void bed_close_sessions(void *data)
{
	struct bed *bed = data;
	struct session *s, *next;
	struct fake_qp *qp;

	/* nobody holds anything back any more */
	bed->hca->hold_completions = false;
	bed->hca->hold_close = false;
	bed->hca->hold_events = false;
	bed->hca->fail_call = 0;
	memset(bed->hca->fail_verb, 0, sizeof(bed->hca->fail_verb));
	memset(bed->hca->slow_verb, 0, sizeof(bed->hca->slow_verb));
	bed->hca->slow_release = 0;
	bed->hca->in_teardown = NULL;
	list_for_each_entry(qp, &bed->hca->qps, node)
		fake_qp_kick(qp);
	list_for_each_entry_safe(s, next, &bed->sessions, node) {
		session_close(s);
		kfree(s);
	}
}

/* The HCA and its target; what closes the sessions has to be undone first. */
static void bed_plug(struct bed *bed, const struct fake_hca_config *cfg)
{
	struct kunit *test = bed->test;

	bed->hca = fake_hca_create(test, cfg);
	bed->target = target_create(bed->hca);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, bed_close_sessions,
							bed), 0);
}

/*
 * bed_replug - another HCA like the first one, which has been unplugged
 *
 * The sessions stay; they have no connection now.
 */
void bed_replug(struct bed *bed)
{
	struct fake_hca_config cfg = bed->hca->cfg;

	kunit_remove_action(bed->test, bed_close_sessions, bed);
	target_destroy(bed->target);
	fake_hca_destroy(bed->hca);
	bed_plug(bed, &cfg);
}

struct bed *bed_create(struct kunit *test, const struct fake_hca_config *cfg)
{
	static const struct fake_hca_config plain;
	struct bed *bed;

	bed = kunit_kzalloc(test, sizeof(*bed), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bed);
	bed->test = test;
	INIT_LIST_HEAD(&bed->sessions);
	bed->iscsid = iscsid_create(test);
	bed_plug(bed, cfg ? cfg : &plain);
	return bed;
}

struct session *bed_session(struct bed *bed, const struct iscsid_params *params)
{
	struct session *s;

	/* KUnit would free it before bed_close_sessions() */
	s = kzalloc_obj(*s, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(bed->test, s);
	s->bed = bed;
	s->cmds_max = 128;
	if (params)
		s->params = *params;
	list_add(&s->node, &bed->sessions);
	return s;
}

/* EP_CONNECT and EP_POLL until it says yes. */
void session_connect(struct session *s)
{
	struct bed *bed = s->bed;
	struct kunit *test = bed->test;
	struct sockaddr_storage addr;
	struct fake_qp *qp;

	fake_net_portal(&addr, bed->hca->net, bed->hca->cfg.ipv6);
	KUNIT_ASSERT_EQ(test, iscsid_ep_connect(bed->iscsid, &addr, &s->ep), 0);
	bed_settle();
	KUNIT_ASSERT_EQ(test, iscsid_ep_poll(bed->iscsid, s->ep), 1);
	list_for_each_entry(qp, &bed->hca->qps, node)
		s->qp = qp;	/* the newest */
	KUNIT_ASSERT_NOT_NULL(test, s->qp);
}

void session_create(struct session *s)
{
	struct kunit *test = s->bed->test;
	struct iscsid *d = s->bed->iscsid;

	KUNIT_ASSERT_EQ(test, 0, iscsid_create_session(d, s->ep, s->cmds_max,
						       &s->sid, &s->host_no));
	s->has_session = true;
	KUNIT_ASSERT_EQ(test, iscsid_create_conn(d, s->sid), 0);
	s->has_conn = true;
	s->shost = scsi_host_lookup(s->host_no);
	KUNIT_ASSERT_NOT_NULL(test, s->shost);
}

void session_bind(struct session *s)
{
	KUNIT_ASSERT_EQ(s->bed->test, 0,
			iscsid_bind_conn(s->bed->iscsid, s->sid, s->ep));
}

/* From SET_PARAM to START_CONN; the target must be answering. */
void session_login(struct session *s)
{
	struct kunit *test = s->bed->test;
	struct iscsid *d = s->bed->iscsid;

	KUNIT_ASSERT_EQ(test, iscsid_set_params(d, s->sid, &s->params), 0);
	iscsid_take_events(d);
	d->n_pdus = 0;
	KUNIT_ASSERT_EQ(test, iscsid_login(d, s->sid, true), 0);
	bed_settle();
	iscsid_take_events(d);
	KUNIT_ASSERT_EQ(test, d->n_pdus, 1);
	KUNIT_ASSERT_EQ(test, d->pdu.opcode, ISCSI_OP_LOGIN_RSP);
	KUNIT_ASSERT_EQ(test, iscsid_start_conn(d, s->sid), 0);
	bed_settle();
}

static struct scsi_device *session_scan_lun(struct session *s, u64 lun)
{
	struct kunit *test = s->bed->test;
	struct scsi_device *sdev;

	KUNIT_ASSERT_EQ(test, 0, s->shost->transportt->user_scan(s->shost, 0, 0,
								 lun));
	sdev = scsi_device_lookup(s->shost, 0, 0, lun);
	KUNIT_ASSERT_NOT_NULL(test, sdev);
	return sdev;
}

void session_scan(struct session *s)
{
	s->sdev = session_scan_lun(s, 0);
}

/* A second disk of the same target, which answers for any. */
void session_scan_other(struct session *s)
{
	s->other_sdev = session_scan_lun(s, 1);
}

int session_try_connect(struct session *s)
{
	struct bed *bed = s->bed;
	struct sockaddr_storage addr;
	unsigned int i;
	int ret;

	fake_net_portal(&addr, bed->hca->net, false);
	ret = iscsid_ep_connect(bed->iscsid, &addr, &s->ep);
	if (ret)
		return ret;
	bed_settle();
	ret = iscsid_ep_poll(bed->iscsid, s->ep);
	/* what was lost on the way to an address is found out by a timer */
	for (i = 0; !ret && i < 60; i++) {
		msleep(1000);
		ret = iscsid_ep_poll(bed->iscsid, s->ep);
	}
	KUNIT_EXPECT_NE_MSG(bed->test, ret, 0, "\"not yet\" for ever");
	return ret == 1 ? 0 : ret;
}

int session_try_bind(struct session *s)
{
	struct iscsid *d = s->bed->iscsid;
	int ret;

	ret = iscsid_create_session(d, s->ep, s->cmds_max, &s->sid,
				    &s->host_no);
	if (ret)
		return ret;
	s->has_session = true;
	ret = iscsid_create_conn(d, s->sid);
	if (ret)
		return ret;
	s->has_conn = true;
	s->shost = scsi_host_lookup(s->host_no);
	return iscsid_bind_conn(d, s->sid, s->ep);
}

/* From SET_PARAM to START_CONN. */
int session_try_login(struct session *s)
{
	struct iscsid *d = s->bed->iscsid;
	int ret;

	ret = iscsid_set_params(d, s->sid, &s->params);
	if (ret)
		return ret;
	d->n_pdus = 0;
	ret = iscsid_login(d, s->sid, true);
	if (ret)
		return ret;
	bed_settle();
	iscsid_take_events(d);
	if (d->n_conn_errors)
		return -ENOTCONN;
	/* a response that was lost is a login that iscsid's timer ends */
	if (!d->n_pdus)
		return -ETIMEDOUT;
	ret = iscsid_start_conn(d, s->sid);
	bed_settle();
	return ret;
}

int session_try_scan(struct session *s)
{
	struct iscsid *d = s->bed->iscsid;

	s->shost->transportt->user_scan(s->shost, 0, 0, 0);
	iscsid_take_events(d);
	s->sdev = scsi_device_lookup(s->shost, 0, 0, 0);
	KUNIT_EXPECT_TRUE(s->bed->test, s->sdev || d->n_conn_errors);
	return s->sdev ? 0 : -ENODEV;
}

/* A session in full feature phase with its disk found. */
struct session *bed_logged_in(struct bed *bed,
			      const struct iscsid_params *params)
{
	struct session *s = bed_session(bed, params);

	session_connect(s);
	session_create(s);
	session_bind(s);
	session_login(s);
	session_scan(s);
	return s;
}

/* What iscsid does about a connection that has failed, in two steps: */
void session_disconnect(struct session *s)
{
	KUNIT_EXPECT_EQ(s->bed->test, 0,
			iscsid_ep_disconnect(s->bed->iscsid, s->ep));
	s->ep = 0;
	s->qp = NULL;
}

void session_stop(struct session *s)
{
	KUNIT_EXPECT_EQ(s->bed->test, 0,
			iscsid_stop_conn(s->bed->iscsid, s->sid,
					 STOP_CONN_RECOVER));
}

/* A session that has no connection gets one. */
void session_log_in_again(struct session *s)
{
	session_connect(s);
	session_bind(s);
	session_login(s);
}

/* All of it, up to full feature phase. */
void session_recover(struct session *s)
{
	session_disconnect(s);
	session_stop(s);
	session_log_in_again(s);
}

/* The next message at the target, which must be of this kind; freed later. */
struct fake_pdu *bed_next_pdu(struct bed *bed, struct fake_qp *qp, u8 opcode)
{
	struct kunit *test = bed->test;
	struct fake_pdu *pdu = fake_qp_take_pdu(qp);

	KUNIT_ASSERT_NOT_NULL_MSG(test, pdu, "opcode %#x was not sent", opcode);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test,
							(void (*)(void *))kfree,
							pdu), 0);
	KUNIT_ASSERT_GE(test, pdu->len, ISER_HDR_LEN);
	KUNIT_ASSERT_EQ(test, pdu_opcode(pdu), opcode);
	return pdu;
}
