# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
rd.iser.param=node.session.timeo.replacement_timeout=5
