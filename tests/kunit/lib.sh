# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash
#
# For run and sanitize: a kernel source tree (kernel-source) with this module and its
# suites in it. Builds are kept in ${XDG_CACHE_HOME:-~/.cache}/ib_iser, each under a
# name made from what it was made of.
#
# shellcheck disable=SC2154	# $here is the caller's
repo=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ib_iser
"$repo/tests/prerequisites" kunit >&2
exec 9>"$cache/kunit.lock"
flock 9

say() { echo "kunit: $*" >&2; }

# Adds a line to a file of the kernel's that lacks it.
append() {
	grep -qxF "$2" "$1" || echo "$2" >>"$1"
}

# The kernel builds our directories wherever the module and the suites lie, and
# the module alone with counters of its coverage, each function counted once.
prepare() {
	local src=$1 ulp=$1/drivers/infiniband/ulp

	append "$src/drivers/infiniband/Kconfig" \
		'source "drivers/infiniband/ulp/iser/tests/kunit/Kconfig"'
	append "$ulp/Makefile" \
		'obj-$(CONFIG_INFINIBAND_ISER_KUNIT_TEST) += iser/tests/kunit/'
	append "$ulp/Makefile" \
		'subdir-ccflags-$(CONFIG_INFINIBAND_ISER_KUNIT_GCOV) += -fprofile-arcs -ftest-coverage -fno-inline'
	"$repo/tests/mend" "$src" "$here/um-stacktrace.patch" "${src##*/}" >&2
}

# --- the module, as a driver of that tree

# Only what has changed, so that only that is built.
copy_if_changed() {
	local to=$1 file

	shift
	mkdir -p "$to"
	for file; do
		cmp -s "$file" "$to/${file##*/}" || cp "$file" "$to/"
	done
	for file in "$to"/*.[ch]; do
		[[ -e ${1%/*}/${file##*/} ]] || rm -f "$file"
	done
}

# Older than what the suites are written for.
is_older() {
	! grep -q map_phys "$1/include/linux/dma-map-ops.h"
}

install_module() {
	local iser=$1/drivers/infiniband/ulp/iser suites=$here room

	if is_older "$1"; then
		suites=$1/.suites
		rm -rf "$suites"
		cp -r "$here" "$suites"
		patch -d "$suites" -p1 -s <"$here/linux-6.12.patch"
	fi
	copy_if_changed "$iser" "$repo"/*.[ch] "$repo/Kbuild" "$repo/Kconfig"
	copy_if_changed "$iser/tests/kunit" "$suites"/*.[ch] "$suites/Kbuild" \
		"$suites/Kconfig"
	for room in hca peers bed orders suites; do
		copy_if_changed "$iser/tests/kunit/$room" "$suites/$room"/*.[ch]
	done
}

# --- what run and sanitize call

source=$("$repo/tests/kernel-source" suites)
prepare "$source"
install_module "$source"

# The name of what these Kconfig fragments make of it.
build_of() {
	local key

	key=$( (basename "$source"; gcc --version | sed -n 1p; cat "$@") |
		md5sum | cut -c1-12)
	echo "$cache/kunit-$key"
}

# How many orders of teardown there were, and which were left out.
figures() {
	sed -n 's/^.*# ib_iser_teardown_orders_[a-z]*: //p' "$1" 2>/dev/null || true
}

# What no log of a kernel may have.
bad_pattern='WARNING:|BUG:|KASAN|UBSAN|[Kk]ernel panic|possible recursive|INFO: task|Call Trace|suspected memory leak|ODEBUG: Out of memory|DMA-API: .*disabl'
bad_lines() { grep -n -E "$bad_pattern" "$1" 2>/dev/null || true; }
