#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/usr/local/sbin/lab-rdma &
