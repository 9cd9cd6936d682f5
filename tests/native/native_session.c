// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Login and its end, for whichever module has registered the transport "iser".
 */
#include <linux/delay.h>
#include <linux/in.h>
#include <linux/slab.h>
#include <scsi/scsi_transport.h>

#include "native.h"

static void native_destroy_hca(void *hca)
{
	lean_hca_destroy(hca);
}

/* An HCA for as long as the test runs, which ends here if there cannot be one. */
struct lean_hca *native_hca_create(struct kunit *test)
{
	struct lean_hca *hca = lean_hca_create();

	KUNIT_ASSERT_NOT_NULL(test, hca);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, native_destroy_hca, hca));
	return hca;
}

/* As iscsid closes a session when it gives up. */
static void native_close(void *data)
{
	struct native *native = data;
	struct iscsid *d = native->iscsid;
	struct kunit *test = native->test;

	native_cmds_destroy(native);
	if (native->shost)
		native->shost->eh_action = NULL;
	if (native->ep)
		iscsid_ep_disconnect(d, native->ep);
	if (native->has_conn) {
		KUNIT_EXPECT_EQ(test, 0, iscsid_stop_conn(d, native->sid, STOP_CONN_TERM));
		KUNIT_EXPECT_EQ(test, 0, iscsid_destroy_conn(d, native->sid));
	}
	if (native->sdev)
		scsi_device_put(native->sdev);
	if (native->shost)
		scsi_host_put(native->shost);
	if (native->has_session)
		KUNIT_EXPECT_EQ(test, 0, iscsid_destroy_session(d, native->sid));
}

static void native_connect(struct native *native)
{
	struct kunit *test = native->test;
	struct sockaddr_storage addr = {};
	struct sockaddr_in *sin = (struct sockaddr_in *)&addr;
	unsigned int i;
	int ret = 0;

	sin->sin_family = AF_INET;
	sin->sin_port = htons(3260);
	sin->sin_addr.s_addr = htonl(0xc6120002);	/* 198.18.0.2, beside dummy0's */
	KUNIT_ASSERT_EQ(test, 0, iscsid_ep_connect(native->iscsid, &addr, &native->ep));
	for (i = 0; !ret && i < 50; i++) {
		msleep(20);
		ret = iscsid_ep_poll(native->iscsid, native->ep);
	}
	KUNIT_ASSERT_EQ(test, 1, ret);
}

static void native_bind(struct native *native)
{
	struct kunit *test = native->test;
	struct iscsid *d = native->iscsid;

	KUNIT_ASSERT_EQ(test, 0, iscsid_create_session(d, native->ep, 128, &native->sid,
						       &native->host_no));
	native->has_session = true;
	KUNIT_ASSERT_EQ(test, 0, iscsid_create_conn(d, native->sid));
	native->has_conn = true;
	KUNIT_ASSERT_EQ(test, 0, iscsid_bind_conn(d, native->sid, native->ep));
}

/* What LIO and open-iscsi agree upon unless told otherwise: immediate data of 8 KiB. */
static void native_login(struct native *native)
{
	static const struct iscsid_params params;
	struct kunit *test = native->test;
	struct iscsid *d = native->iscsid;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 0, iscsid_set_params(d, native->sid, &params));
	KUNIT_ASSERT_EQ(test, 0, iscsid_login(d, native->sid, true));
	for (i = 0; !d->n_pdus && i < 50; i++) {
		msleep(20);
		iscsid_take_events(d);
	}
	KUNIT_ASSERT_EQ(test, 1, d->n_pdus);
	KUNIT_ASSERT_EQ(test, 0, iscsid_start_conn(d, native->sid));
	/* the session is unblocked by a work */
	msleep(100);
}

static void native_scan(struct native *native)
{
	struct kunit *test = native->test;

	native->shost = scsi_host_lookup(native->host_no);
	KUNIT_ASSERT_NOT_NULL(test, native->shost);
	KUNIT_ASSERT_EQ(test, 0, native->shost->transportt->user_scan(native->shost, 0, 0,
								      0));
	native->sdev = scsi_device_lookup(native->shost, 0, 0, 0);
	KUNIT_ASSERT_NOT_NULL(test, native->sdev);
	/* where native_cmd.c's commands end */
	native->shost->eh_action = &native->done;
}

/*
 * native_create - the HCA, and a session with its disk found
 *
 * All of it ends with the test. Never returns NULL: the test ends here if it fails.
 */
struct native *native_create(struct kunit *test)
{
	struct native *native = kunit_kzalloc(test, sizeof(*native), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, native);
	native->test = test;
	init_completion(&native->done);
	native->iscsid = iscsid_create(test);
	native->hca = native_hca_create(test);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, native_close, native));
	native_connect(native);
	native_bind(native);
	native_login(native);
	native_scan(native);
	return native;
}
