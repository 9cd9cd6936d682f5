// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tools/detection.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>

#include <fmt/format.h>

#include "lab/detection.h"

namespace lab {

static constexpr int kValues[] = {-1, 10, 12, 14, 16, 18, 20};
static constexpr unsigned kTransmissions = 7; // the module's retry_count is 6

// What a machine that is emulated takes to send and to notice, and has been idle before.
static constexpr double kOverhead = 0.5;

// A device may wait four times as long as it is told.
static double shortest(int value)
{
	return 4.096e-6 * std::pow(2, value) * kTransmissions;
}

static std::string promised(int value)
{
	if (value < 0)
		return "the CM's choice";
	return fmt::format("{:.3g} to {:.3g} s", shortest(value), 4 * shortest(value));
}

static bool kept(int value, const std::vector<Detection> &detections)
{
	return std::ranges::all_of(detections, [&](const Detection &detection) {
		const double after = detection.after.count();

		return after >= 0 && (value < 0 || after < 4 * shortest(value) + kOverhead);
	});
}

static std::string measured(const std::vector<Detection> &detections)
{
	std::vector<double> times;
	std::map<std::string, unsigned> causes;
	std::string text;

	for (const Detection &detection : detections) {
		if (detection.after.count() < 0)
			return "| not in two minutes | |";
		times.push_back(detection.after.count());
		causes[detection.cause]++;
	}
	for (const auto &[cause, count] : causes)
		text += fmt::format("{}{} ({} of {})", text.empty() ? "" : ", ", cause, count, times.size());
	return fmt::format("| {:.2f} to {:.2f} s | {} |", *std::ranges::min_element(times),
			   *std::ranges::max_element(times), text);
}

int measure_detection(Lab &lab, unsigned rounds, const Progress &progress)
{
	std::string text = "| `ack_timeout` | by the specification | measured | found by |\n|---|---|---|---|\n";
	int status = 0;

	for (int value : kValues) {
		const std::vector<Detection> detections = detect_repeatedly(lab, value, rounds, progress);

		text += fmt::format("| {} | {} {}\n", value, promised(value), measured(detections));
		if (!kept(value, detections)) {
			progress(fmt::format("ack_timeout {}: not as promised", value));
			status = 1;
		}
	}
	std::cout << text;
	return status;
}

} // namespace lab
