# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash
#
# For run and sanitize: a kernel source tree with this module and its suites in it.
#
# The kernel's source is the newest linux-source of trixie-backports, fetched
# with an apt configuration of its own from the mirror that this machine uses.
# Source and builds are kept in ${XDG_CACHE_HOME:-~/.cache}/ib_iser, each under a
# name made from what it was made of, and get that name when they are whole.
#
# KUNIT_SOURCE	  a kernel source tree to copy instead of fetching one
# shellcheck disable=SC2154	# $here is the caller's
repo=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ib_iser
"$repo/tests/prerequisites" kunit >&2
exec 9>"$cache/kunit.lock"
flock 9

say() { echo "kunit: $*" >&2; }

# --- the kernel's source

# The mirror of the machine's own distribution; no name of one stands here.
mirror() {
	apt-get indextargets --format '$(SITE)' 'Created-By: Packages' |
		grep -v -e security -e '^$' | sed -n 1p
}

# An apt of its own: this machine's sources and lists stay as they are.
private() {
	local command=$1

	shift
	"$command" -o Dir::Etc::sourcelist="$apt/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::parts=/dev/null \
		-o Dir::Etc::preferencesparts=/dev/null \
		-o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" \
		-o APT::Architecture=amd64 -o APT::Sandbox::User=root "$@"
}

# Prints name and version of the newest linux-source.
newest_source() {
	local name

	name=$(private apt-cache pkgnames linux-source- |
		grep -x 'linux-source-[0-9.]*' | sort -V | tail -n 1)
	private apt-cache madison "$name" |
		awk -F'[ |]+' 'NR == 1 { print $1, $2 }'
}

unpack() {
	tar -x -C "$1" --strip-components=1 \
		--exclude='*/drivers/infiniband/ulp/iser' \
		--exclude='*/Documentation/*/*' \
		--exclude='*/tools/testing/selftests'
}

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

fetch_source() {
	local name version deb

	apt=$cache/apt
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	# the keys of the newer suites may be newer than this machine's keyring
	echo "deb [trusted=yes] $(mirror) trixie-backports main" \
		>"$apt/sources.list"
	private apt-get -qq update >&2 || say "cannot look for a newer kernel"
	read -r name version < <(newest_source) || true
	if [[ -z ${version:-} ]]; then
		# no mirror to be had: what is there
		find "$cache" -maxdepth 1 -name 'source-*' ! -name '*.tmp' |
			sort -V | tail -n 1
		return
	fi
	source=$cache/source-$version
	if [[ ! -d $source ]]; then
		say "fetching $name $version"
		(cd "$apt" && rm -f linux-source-*.deb &&
			private apt-get -qq download "$name" >&2)
		deb=$(ls "$apt"/linux-source-*.deb)
		rm -rf "$source.tmp"
		mkdir "$source.tmp"
		dpkg-deb --fsys-tarfile "$deb" |
			tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
			xz -dc -T0 | unpack "$source.tmp"
		rm "$deb"
		mv "$source.tmp" "$source"
	fi
	echo "$source"
}

copy_source() {
	local source

	source=$cache/source-$(realpath "$1" | md5sum | cut -c1-12)
	if [[ ! -d $source ]]; then
		rm -rf "$source.tmp"
		mkdir "$source.tmp"
		tar -c -C "$(dirname "$1")" "$(basename "$1")" |
			unpack "$source.tmp"
		mv "$source.tmp" "$source"
	fi
	echo "$source"
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

install_module() {
	local iser=$1/drivers/infiniband/ulp/iser room

	copy_if_changed "$iser" "$repo"/*.[ch] "$repo/Kbuild" "$repo/Kconfig"
	copy_if_changed "$iser/tests/kunit" "$here"/*.[ch] "$here/Kbuild" \
		"$here/Kconfig"
	for room in hca peers bed orders suites; do
		copy_if_changed "$iser/tests/kunit/$room" "$here/$room"/*.[ch]
	done
}

# --- what run and sanitize call

if [[ -n ${KUNIT_SOURCE:-} ]]; then
	source=$(copy_source "$KUNIT_SOURCE")
else
	source=$(fetch_source)
fi
[[ -n $source ]] || { say "no kernel source"; exit 1; }
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
bad_lines() {
	grep -n -E 'WARNING:|BUG:|KASAN|UBSAN|[Kk]ernel panic|possible recursive|INFO: task|Call Trace|suspected memory leak|ODEBUG: Out of memory|DMA-API: .*disabl' \
		"$1" 2>/dev/null || true
}
