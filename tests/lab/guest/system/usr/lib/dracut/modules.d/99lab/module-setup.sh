#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Soft RDMA in the initramfs.
installkernel() {
	hostonly='' instmods rdma_rxe virtio_net
}

install() {
	inst_multiple rdma modprobe sleep cat
	inst_simple /usr/local/sbin/lab-rdma
	# shellcheck disable=SC2154	# dracut's
	inst_hook pre-trigger 50 "$moddir/rdma.sh"
}
