// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What the lab's tests share: one pair of machines for the whole run, booted anew only when a test
// has lost it; a limit on each test's time; and after each test, passed or failed, a look for what
// the kernel complained about and for what was left behind.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/console.h"
#include "lab/error.h"
#include "lab/eventually.h"
#include "lab/initiator.h"
#include "lab/lab.h"
#include "lab/resources.h"
#include "lab/target.h"
#include "lab/undo.h"
#include "lab/upstream.h"
#include "lab/watchdog.h"

namespace lab {

using std::chrono::minutes;
using std::chrono::seconds;

struct TestOptions {
	std::string module = "ours";
	std::string suite = "trixie";
	std::uint32_t seed = 11; // of the storm
	std::filesystem::path directory = LAB_RUN_DIR "/tests";
};

TestOptions &test_options();

class LabTest : public testing::Test {
protected:
	explicit LabTest(std::chrono::seconds limit = minutes(3)) : limit_(limit) {}

	void SetUp() override;
	void TearDown() final;
	// Before anybody looks for what is left; may fail as the rest of a test may.
	virtual void clean_up() {}

	Vm &initiator() { return lab().initiator(); }
	Vm &target() { return lab().target(); }
	static Lab &lab();
	static bool ours() { return test_options().module == "ours"; }
	// For a scenario that is known to kill the distribution's module: the console's complaints
	// are reported and not counted.
	void expect_complaints() { complaints_expected_ = true; }
	// For a test that leaves what only a boot ends.
	void boot_afterwards() { boot_afterwards_ = true; }

	std::optional<ConsoleWatch> initiator_console_, target_console_;

private:
	void look_for_complaints(ConsoleWatch &console, const std::string &name);
	void look_for_leftovers();
	void print_consoles();

	std::chrono::seconds limit_;
	bool complaints_expected_ = false, boot_afterwards_ = false;
	Resources before_;
	std::unique_ptr<Watchdog> watchdog_;
};

// Silent, with its cables plugged, while this lives.
class FrozenMachine {
public:
	explicit FrozenMachine(Vm &vm) : vm_(vm) { vm.freeze(); }
	~FrozenMachine()
	{
		undo([this] { vm_.thaw(); });
	}

private:
	Vm &vm_;
};

MATCHER(Succeeded, "succeeded")
{
	return arg.ok();
}

MATCHER_P(FailsSaying, text, std::string("fails, saying \"") + text + "\"")
{
	return !arg.ok() && arg.both().find(text) != std::string::npos;
}

} // namespace lab
