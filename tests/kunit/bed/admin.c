// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A mount of sysfs for each look: kernel tests have no file system. And the
 * kernel's log.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/string.h>

#include "admin.h"

static ssize_t sysfs_read(struct vfsmount *mnt, const char *path, char *text,
			  size_t len)
{
	struct path root = { .mnt = mnt, .dentry = mnt->mnt_root };
	struct file *file;
	loff_t pos = 0;
	ssize_t n;

	file = file_open_root(&root, path, O_RDONLY, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	n = kernel_read(file, text, len, &pos);
	fput(file);
	return n;
}

/* Reads a file without its newline; returns 0 or a negative errno. */
int admin_read(const char *path, char *text, size_t size)
{
	struct file_system_type *type = get_fs_type("sysfs");
	struct vfsmount *mnt;
	ssize_t n;

	if (!type)
		return -ENODEV;
	mnt = kern_mount(type);
	if (IS_ERR(mnt))
		return PTR_ERR(mnt);
	n = sysfs_read(mnt, path, text, size - 1);
	flush_delayed_fput();
	kern_unmount(mnt);
	if (n < 0)
		return n;
	text[n] = '\0';
	strim(text);
	return 0;
}

/* The log's end, from which to count on. */
void admin_mark_log(struct kmsg_dump_iter *iter)
{
	kmsg_dump_rewind(iter);
	admin_count_log(iter, "");
}

/* Lines of the log, from @iter on, that contain @text. */
unsigned int admin_count_log(struct kmsg_dump_iter *iter, const char *text)
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
