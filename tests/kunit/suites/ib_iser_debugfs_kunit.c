// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What a session shows in debugfs: its failures, kept over reconnects, its
 * connection, and, once switched on, how long its commands take.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/uaccess.h>

#include "bed.h"

#define PAGE_TEXT	16384

struct page_file {
	struct kunit	*test;
	struct file	*file;
	char		*text;
	char __user	*user;
};

static void page_close(void *page_file)
{
	struct page_file *p = page_file;

	if (p->file)
		fput(p->file);
	/* the file's release, before the mount goes */
	flush_delayed_fput();
}

/* Open the session's file, as root with debugfs mounted does. */
static struct page_file *page_open(struct session *s)
{
	struct kunit *test = s->bed->test;
	struct page_file *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);
	struct path path;
	char name[40];

	KUNIT_ASSERT_NOT_NULL(test, p);
	p->test = test;
	p->text = kunit_kzalloc(test, PAGE_TEXT, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p->text);
	p->user = (char __user *)kunit_vm_mmap(test, NULL, 0, PAGE_TEXT,
					       PROT_READ | PROT_WRITE,
					       MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NOT_NULL(test, (void *)p->user);
	path.mnt = kern_mount(get_fs_type("debugfs"));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, path.mnt);
	path.dentry = path.mnt->mnt_root;
	snprintf(name, sizeof(name), "ib_iser/session%u", s->sid);
	p->file = file_open_root(&path, name, O_RDWR, 0);
	kern_unmount(path.mnt);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, p->file);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, page_close, p), 0);
	return p;
}

static ssize_t page_read(struct page_file *p)
{
	ssize_t len;
	loff_t pos = 0;

	len = p->file->f_op->read(p->file, p->user, PAGE_TEXT - 1, &pos);
	p->text[0] = 0;
	if (len > 0 && !copy_from_user(p->text, p->user, len))
		p->text[len] = 0;
	return len;
}

static ssize_t page_write(struct page_file *p, const char *text)
{
	loff_t pos = 0;

	if (copy_to_user(p->user, text, strlen(text)))
		return -EFAULT;
	return p->file->f_op->write(p->file, p->user, strlen(text), &pos);
}

static void page_expect(struct page_file *p, const char *wanted)
{
	struct kunit *test = p->test;

	KUNIT_EXPECT_GT(test, page_read(p), 0);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(p->text, wanted),
				  "no \"%s\" in:\n%s", wanted, p->text);
}

static void page_expect_not(struct page_file *p, const char *unwanted)
{
	struct kunit *test = p->test;

	KUNIT_EXPECT_GT(test, page_read(p), 0);
	KUNIT_EXPECT_NULL_MSG(test, strstr(p->text, unwanted),
			      "\"%s\" in:\n%s", unwanted, p->text);
}

static void session_flap(struct session *s)
{
	fake_cm_close(s->qp);
	bed_settle();
	session_recover(s);
}

static void registrations_with_gaps_are_described(struct kunit *test)
{
	struct bed *bed = bed_create(test, &(struct fake_hca_config) {
		.sg_gaps = true });

	page_expect(page_open(bed_logged_in(bed, NULL)), "MRs: gaps allowed, ");
}

static void connection_is_described(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct page_file *p = page_open(s);

	page_expect(p, ", up\n");
	page_expect(p, "ImmediateData yes, InitialR2T yes, FirstBurstLength 65536");
	page_expect(p, bed->hca->ib.name);
	page_expect(p, "MRs: no gaps, ");
	page_expect(p, "failures: 0\n");
	page_expect(p, "histogram: off\n");
}

static void failure_is_kept_over_reconnect(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct page_file *p = page_open(s);
	struct test_cmd *cmd;
	unsigned int ms = 0;
	char *login;
	int found;

	bed->target->hold = true;
	cmd = cmd_submit(s, &(struct cmd_spec) { .len = 4096 });
	fake_cm_close(s->qp);
	bed_settle();
	page_expect(p, "failures: 1\n");
	page_expect(p, " (-104)\n");
	page_expect(p, ", no login yet");
	msleep(40);
	bed->target->hold = false;
	session_recover(s);
	page_expect(p, "failures: 1\n");
	login = strstr(p->text, ", login after ");
	KUNIT_ASSERT_NOT_NULL(test, login);
	found = sscanf(login, ", login after %u.", &ms);
	KUNIT_EXPECT_EQ(test, found, 1);
	KUNIT_EXPECT_GE(test, ms, 40);
	KUNIT_EXPECT_LT(test, ms, 10000);
	page_expect(p, ", 1 commands went back\n");
	page_expect_not(p, " yet");
	KUNIT_EXPECT_NE(test, cmd_wait(cmd), -ETIMEDOUT);
}

static void last_sixteen_failures_are_kept(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct page_file *p = page_open(s);
	int i;

	for (i = 0; i < 17; i++)
		session_flap(s);
	page_expect(p, "failures: 17\n");
	page_expect(p, "\n  2: ");
	page_expect(p, "\n  17: ");
	page_expect_not(p, "\n  1: ");
}

static void histogram_counts_while_it_is_on(struct kunit *test)
{
	static const struct cmd_spec write = { .len = 4096, .write = true };
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct session *other = bed_logged_in(bed, NULL);
	struct page_file *p = page_open(s), *q = page_open(other);

	cmd_expect_good(cmd_submit(s, &write));
	page_expect_not(p, "writes\n");
	KUNIT_EXPECT_EQ(test, page_write(p, "maybe"), -EINVAL);
	KUNIT_ASSERT_EQ(test, page_write(p, "on"), 2);
	page_expect(p, "histogram: on\n");
	page_expect_not(p, "writes\n");
	cmd_expect_good(cmd_submit(s, &write));
	cmd_expect_good(cmd_submit(other, &write));
	page_expect(p, " us:          0 reads          1 writes\n");
	page_expect_not(q, "writes\n");
	KUNIT_ASSERT_EQ(test, page_write(p, "off"), 3);
	cmd_expect_good(cmd_submit(s, &write));
	page_expect(p, " us:          0 reads          1 writes\n");
	KUNIT_ASSERT_EQ(test, page_write(p, "on"), 2);
	page_expect_not(p, "writes\n");
}

/* Who has it open when the session goes reads an error, and nothing freed. */
static void file_goes_with_its_session(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct page_file *p = page_open(s);

	KUNIT_ASSERT_EQ(test, page_write(p, "on"), 2);
	session_close(s);
	KUNIT_EXPECT_EQ(test, page_read(p), -EIO);
	KUNIT_EXPECT_EQ(test, page_write(p, "off"), -EIO);
}

static void device_may_go_while_file_is_open(struct kunit *test)
{
	struct bed *bed = bed_create(test, NULL);
	struct session *s = bed_logged_in(bed, NULL);
	struct page_file *p = page_open(s);

	fake_hca_unplug(bed->hca);
	bed_settle();
	page_expect(p, "connection: none\n");
	page_expect(p, "failures: 1\n");
}

static struct kunit_case ib_iser_debugfs_cases[] = {
	KUNIT_CASE(connection_is_described),
	KUNIT_CASE(registrations_with_gaps_are_described),
	KUNIT_CASE(failure_is_kept_over_reconnect),
	KUNIT_CASE(last_sixteen_failures_are_kept),
	KUNIT_CASE(histogram_counts_while_it_is_on),
	KUNIT_CASE(file_goes_with_its_session),
	KUNIT_CASE(device_may_go_while_file_is_open),
	{}
};

static struct kunit_suite ib_iser_debugfs_suite = {
	.name = "ib_iser_debugfs",
	.test_cases = ib_iser_debugfs_cases,
};

kunit_test_suite(ib_iser_debugfs_suite);

MODULE_DESCRIPTION("KUnit tests for the iSER initiator");
MODULE_LICENSE("Dual BSD/GPL");
