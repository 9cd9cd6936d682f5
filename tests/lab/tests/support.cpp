// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tests/support.h"

#include <iostream>

#include "lab/diagnosis.h"

namespace lab {

static std::unique_ptr<Lab> the_lab;

TestOptions &test_options()
{
	static TestOptions options;

	return options;
}

static void say(const std::string &text)
{
	std::cout << "lab: " << text << std::endl;
}

// Each boot of a run has its own directory, so that the consoles of a lost pair are kept.
static void boot()
{
	static unsigned boots;
	const TestOptions &options = test_options();
	const std::filesystem::path directory =
		options.directory.string() + (boots ? fmt::format("-{}", boots + 1) : "");

	boots++;
	the_lab.reset();
	the_lab = std::make_unique<Lab>(
		LabConfig{directory, options.suite, Process::Lifetime::owned, say});
	set_up_lio(the_lab->target());
	the_lab->insert(module_kind(options.module));
	say(fmt::format("consoles: {}/*/console.log", directory.string()));
}

Lab &LabTest::lab()
{
	if (!the_lab)
		throw Error("the lab is not up");
	return *the_lab;
}

void LabTest::SetUp()
{
	if (!the_lab)
		boot();
	if (ours()) {
		ASSERT_TRUE(lab().runs_ours()) << "the loaded ib_iser is not the one built here";
	}
	initiator_console_.emplace(initiator().console());
	target_console_.emplace(target().console());
	before_ = resources(initiator());
	watchdog_ = std::make_unique<Watchdog>(limit_, [this] {
		give_up(lab(), fmt::format("test still running after {} s", limit_.count()));
	});
}

void LabTest::look_for_complaints(ConsoleWatch &console, const std::string &name)
{
	for (const std::string &heading : console.tolerated())
		tolerate(heading);
	for (const std::string &line : console.complaints()) {
		if (complaints_expected_)
			std::cout << name << " console: " << line << "\n";
		else
			ADD_FAILURE() << name << " console: " << line;
	}
}

void LabTest::look_for_leftovers()
{
	const std::string sessions = initiator().run("iscsiadm -m session 2>&1").out;
	std::string left;

	if (sessions.find("iqn.") != std::string::npos) {
		ADD_FAILURE() << "sessions left:\n" << sessions;
		initiator().run("iscsiadm -m node -U all; iscsiadm -m node -o delete", seconds(120));
	}
	// A QP may be seen for a moment after the logout.
	if (!eventually([&] { return (left = more_than(before_, resources(initiator()))).empty(); },
			seconds(ours() ? 5 : 90)))
		ADD_FAILURE() << "left behind: " << left << "\n"
			      << initiator().run("rdma resource show qp; rdma resource show cm_id").both();
}

void LabTest::print_consoles()
{
	for (auto &[name, console] : {std::pair("initiator", &initiator_console_),
				      std::pair("target", &target_console_)}) {
		if (*console)
			std::cout << name << " console, last lines:\n"
				  << last_lines((*console)->text(), 25) << std::endl;
	}
}

void LabTest::TearDown()
{
	try {
		clean_up();
		if (!boot_afterwards_)
			look_for_leftovers();
	} catch (const std::exception &error) {
		if (!complaints_expected_)
			ADD_FAILURE() << "after the test: " << error.what();
	}
	watchdog_.reset();
	if (initiator_console_ && target_console_) {
		look_for_complaints(*initiator_console_, "initiator");
		look_for_complaints(*target_console_, "target");
	}
	const std::string tolerated = take_tolerated();

	if (!tolerated.empty())
		RecordProperty("tolerated", tolerated);
	if (HasFailure())
		print_consoles();
	// A kernel that has complained may not be trusted with the next test.
	if (the_lab && (boot_afterwards_ || !the_lab->alive() || !initiator_console_ ||
			!initiator_console_->complaints().empty() || !target_console_->complaints().empty()))
		the_lab.reset();
}

} // namespace lab
