// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What of the initiator only the linker or the module loader knows. As a module it
 * may have been loaded anew since the last test, so nothing of that is kept.
 */
#include <linux/kallsyms.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <asm/sections.h>

#include "ulp.h"

#if IS_MODULE(CONFIG_INFINIBAND_ISER)
static struct module *ulp_module(struct kunit *test)
{
	struct module *mod;

	scoped_guard(rcu)
		mod = find_module("ib_iser");
	KUNIT_ASSERT_NOT_NULL(test, mod);
	return mod;
}

void ulp_find_text(struct kunit *test, struct ulp_text *text)
{
	const struct module_memory *mem = &ulp_module(test)->mem[MOD_TEXT];

	text->start = (unsigned long)mem->base;
	text->end = text->start + mem->size;
}

static const struct kernel_param *ulp_find_param(struct kunit *test,
						 const char *name)
{
	const struct module *mod = ulp_module(test);
	unsigned int i;

	for (i = 0; i < mod->num_kp; i++)
		if (!strcmp(mod->kp[i].name, name))
			return &mod->kp[i];
	return NULL;
}
#else
/*
 * Its functions lie together, but for the cold, init and exit parts; what does
 * nothing but log is cold as a whole.
 */
static int ulp_extend_text(void *data, const char *name, unsigned long addr)
{
	struct ulp_text *text = data;

	if (strncmp(name, "iser_", 5) || strchr(name, '.') ||
	    !strcmp(name, "iser_conn_log") ||
	    addr < (unsigned long)_stext || addr >= (unsigned long)_etext)
		return 0;
	text->start = min(text->start, addr);
	text->end = max(text->end, addr);
	return 0;
}

void ulp_find_text(struct kunit *test, struct ulp_text *text)
{
	static struct ulp_text found;
	unsigned long size, offset;

	if (!found.end) {
		found.start = ULONG_MAX;
		kallsyms_on_each_symbol(ulp_extend_text, &found);
		KUNIT_ASSERT_LT(test, found.start, found.end);
		KUNIT_ASSERT_TRUE(test, kallsyms_lookup_size_offset(found.end,
								    &size,
								    &offset));
		found.end += size;
	}
	/* nobody else's functions bear the prefix, and none lie in between */
	KUNIT_ASSERT_LT(test, found.end - found.start, 256UL << 10);
	*text = found;
}

static const struct kernel_param *ulp_find_param(struct kunit *test,
						 const char *name)
{
	const struct kernel_param *kp;

	for (kp = __start___param; kp < __stop___param; kp++)
		if (!strncmp(kp->name, "ib_iser.", 8) && !strcmp(kp->name + 8, name))
			return kp;
	return NULL;
}
#endif

struct ulp_param {
	const struct kernel_param	*kp;
	char				*old;
};

static void ulp_reset_param(void *data)
{
	struct ulp_param *param = data;

	param->kp->ops->set(strim(param->old), param->kp);
	free_page((unsigned long)param->old);
}

/*
 * Sets a parameter, also one that is the administrator's only at load time, until
 * the test ends. Returns what the initiator says to that.
 */
int ulp_set_param(struct kunit *test, const char *name, const char *value)
{
	struct ulp_param *param = kunit_kzalloc(test, sizeof(*param), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, param);
	param->kp = ulp_find_param(test, name);
	KUNIT_ASSERT_NOT_NULL_MSG(test, param->kp, "no parameter %s", name);
	param->old = (char *)get_zeroed_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, param->old);
	param->kp->ops->get(param->old, param->kp);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, ulp_reset_param,
							param), 0);
	return param->kp->ops->set(value, param->kp);
}
