// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <csignal>

#include <CLI/CLI.hpp>

#include "tests/support.h"

int main(int argc, char **argv) // NOLINT(bugprone-exception-escape): it says what it is
{
	CLI::App app("The ib_iser lab's tests");
	lab::TestOptions &options = lab::test_options();

	std::signal(SIGPIPE, SIG_IGN);
	testing::InitGoogleMock(&argc, argv);
	app.add_option("--module", options.module, "ours or stock");
	app.add_option("--suite", options.suite, "bookworm, trixie or trixie-backports");
	app.add_option("--seed", options.seed, "of the storm");
	app.add_option("--dir", options.directory, "run directory (sockets, logs)");
	CLI11_PARSE(app, argc, argv);
	return RUN_ALL_TESTS();
}
