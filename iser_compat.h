/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * iSER initiator: what older kernels lack or name otherwise.
 */
#ifndef _ISER_COMPAT_H
#define _ISER_COMPAT_H

/* Moved out of asm/ in 6.12. */
#if __has_include(<linux/unaligned.h>)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#endif /* _ISER_COMPAT_H */
