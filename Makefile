# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# What a person types. The module itself is described by Kbuild.
SHELL := bash
# A log is written and seen at the same time.
.SHELLFLAGS := -o pipefail -c

KDIR ?= /lib/modules/$(shell uname -r)/build
# What its modules say they are for; "make kernelrelease" is another version in Debian 12's headers.
# Without headers, to uninstall, the directory's name says it.
UTSRELEASE = $(KDIR)/include/generated/utsrelease.h
RELEASE = $(or $(if $(wildcard $(UTSRELEASE)),$(shell awk -F'"' '/UTS_RELEASE/ { print $$2 }' $(UTSRELEASE)),$\
	$(filter-out /%,$(patsubst /lib/modules/%/build,%,$(KDIR)))),$(error no kernel's headers are in KDIR=$(KDIR)))
LAB := tests/lab/build
REPORTS := $(LAB)/reports
MODULE ?= ours
SUITE ?= trixie
# Those of Debian on whose kernels the gate logs in.
# On those that SUITES names it does all that it can.
ALL_SUITES := bookworm trixie trixie-backports
SUITES ?= trixie
PACKAGE := Package.*:Installing.*:InstalledPackage.*
BOOT := *Booting.*:RootOnIser.*:Rebooting.*:LoggingInAtBoot.*
BRIEFLY := LogIn.ShowsBothLuns:Tgt.Is*:Unloading.*
.PHONY: all install uninstall deb clean lab demo check static lab-check lab-slow kunit kunit-trixie coverage sanitize
.PHONY: package-check boot-check intree intree-check bench bench-check bench-native failover storm $(ALL_SUITES:%=lab-check-%)

# The module for the running kernel, or for the one in KDIR.
all:
	@tools/own-rdma "$(RELEASE)"
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

# Where modprobe looks first; the kbuild of 6.1 would take extra/.
install: all
	@tools/unused "$(RELEASE)"
	$(MAKE) -C $(KDIR) M=$(CURDIR) INSTALL_MOD_DIR=updates modules_install
	depmod -a $(RELEASE)
	@tools/refresh-initramfs

# The kernel's own comes back.
uninstall:
	@tools/unused "$(RELEASE)"
	rm -f /lib/modules/$(RELEASE)/updates/ib_iser.ko*
	depmod -a $(RELEASE)
	@tools/refresh-initramfs

# ib-iser-dkms_VERSION_all.deb, which builds the module for each kernel that is installed.
deb:
	@tests/prerequisites deb
	DEB_DIRECTORY=. debian/rules binary
	debian/rules clean

clean:
	$(MAKE) -C $(KDIR) M=$(CURDIR) clean

# A patch series for `git am` in a kernel's tree: KERNEL= its source, OUT= where to.
OUT ?= intree
intree:
	@tools/intree $(or $(KERNEL),$(error KERNEL= the source of a kernel)) $(OUT)

# The same on the newest kernel, compiled after each patch, and in the end for each architecture.
intree-check:
	@tests/prerequisites intree
	@mkdir -p $(REPORTS)
	tests/intree-check 2>&1 | tee $(REPORTS)/intree.log

# The laboratory: two virtual machines, soft RoCE, LIO (tests/lab/NOTES.md).
lab:
	@tests/prerequisites lab $(SUITE)
	@cmake -S tests/lab -B $(LAB) -G Ninja -Wno-dev --log-level=WARNING >/dev/null
	@cmake --build $(LAB)

demo: lab
	@$(LAB)/lab demo

# Our module beside Debian's own, NVMe and TCP, over the same disk: what an I/O costs, how fast it is, what a
# session takes. A quarter of an hour.
bench: lab
	@$(LAB)/lab bench

# What an I/O costs, counted, against what it did (tests/lab/bench.json): nothing may grow by more than 2 %.
bench-check: lab
	@mkdir -p $(REPORTS)
	$(LAB)/lab bench-check 2>&1 | tee $(REPORTS)/bench-check.log

# Nanoseconds per I/O above the HCA, ours and the kernel's own in turn, on the real CPU.
bench-native:
	@mkdir -p $(REPORTS)
	tests/native/run $(CURDIR)/$(REPORTS)/bench-native.json 2>&1 | tee $(REPORTS)/bench-native.log

# Each way in which a path dies, under both modules, against the bounds: an hour and a half.
# Broken off, it goes on where it was; `lab failover --case NAME` measures one case anew.
failover: lab
	@$(LAB)/lab failover

# Every fault over and over under verified I/O, in parts: an interrupted storm goes on where it was.
storm: lab
	@$(LAB)/lab storm --suite $(SUITE)

static: lab
	@tests/prerequisites static
	@mkdir -p $(REPORTS)
	$(LAB)/static_tests --suite $(SUITE) --gtest_output=json:$(REPORTS)/static.json 2>&1 | \
		tee $(REPORTS)/static.log

lab-check: $(ALL_SUITES:%=lab-check-%)

$(ALL_SUITES:%=lab-check-%): lab-check-%: lab
	@mkdir -p $(REPORTS)
	@rm -rf $(LAB)/run/tests-$*
	$(LAB)/lab_tests --suite $* --module $(MODULE) --dir $(LAB)/run/tests-$* \
		--gtest_filter='$(if $(filter $*,$(SUITES)),*,$(BRIEFLY))' \
		--gtest_output=json:$(REPORTS)/lab-$*.json 2>&1 | tee $(REPORTS)/lab-$*.log

lab-slow: lab
	@mkdir -p $(REPORTS)
	@rm -rf $(LAB)/run/tests
	$(LAB)/lab_slow_tests --suite $(SUITE) --module $(MODULE) --gtest_filter='-$(PACKAGE):$(BOOT)' 2>&1 | \
		tee $(REPORTS)/lab-slow.log

# The package, on each suite's kernel; machines that boot from iSER and log in at boot.
package-check: lab
	@tests/prerequisites deb
	@mkdir -p $(REPORTS)
	{ failed=0; for suite in $(ALL_SUITES); do \
		$(LAB)/lab_slow_tests --suite $$suite --gtest_filter='$(PACKAGE)' || failed=1; \
	done; exit $$failed; } 2>&1 | tee $(REPORTS)/package-check.log

boot-check: lab
	@tests/prerequisites deb
	@mkdir -p $(REPORTS)
	$(LAB)/lab_slow_tests --suite $(SUITE) --gtest_filter='$(BOOT)' 2>&1 | tee $(REPORTS)/boot-check.log

# A fake HCA under the real kernel, in User-mode Linux.
kunit:
	@mkdir -p $(REPORTS)
	tests/kunit/run 2>&1 | tee $(REPORTS)/kunit.log

# What of it an older kernel has: all but a device.
kunit-trixie:
	@tests/prerequisites $@
	@mkdir -p $(REPORTS)
	KUNIT_SUITE=trixie tests/kunit/run 2>&1 | tee $(REPORTS)/$@.log

# Which lines and branches of the module the suites took, in one run of them.
coverage:
	-@$(MAKE) --no-print-directory kunit
	tests/kunit/coverage.py "$$(sed -n 's/^kunit: building and running in //p' $(REPORTS)/kunit.log)" \
		2>&1 | tee $(REPORTS)/coverage.log

# The suites, and logins over soft RoCE and soft iWARP, in a kernel with every sanitizer.
sanitize: lab
	@tests/prerequisites kunit
	@mkdir -p $(REPORTS)
	root=$$($(LAB)/lab root) && tests/kunit/sanitize "$$root" 2>&1 | tee $(REPORTS)/sanitize.log

# All of it goes on after a failure; the last line counts, or says where to look first. Side by
# side is what boots no machine, and has no clock but its own.
check:
	@tests/prerequisites kunit kunit-trixie lab static $(ALL_SUITES)
	@rm -f $(REPORTS)/*.json $(REPORTS)/*.log
	@$(MAKE) --no-print-directory lab
	-@$(MAKE) --no-print-directory static & $(MAKE) --no-print-directory -k coverage kunit-trixie; wait
	-@$(MAKE) --no-print-directory sanitize
	-@$(MAKE) --no-print-directory -k lab-check
	-@$(MAKE) --no-print-directory bench-check
	@$(LAB)/tally $(REPORTS)/static.json $(REPORTS)/kunit.log $(REPORTS)/coverage.log $(REPORTS)/kunit-trixie.log \
		$(REPORTS)/sanitize.log $(ALL_SUITES:%=$(REPORTS)/lab-%.json) $(REPORTS)/bench-check.log
