// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tools/silence.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "lab/detection.h"

namespace lab {

static constexpr int kValues[] = {-1, 10, 12, 14, 16, 18, 20};
static constexpr unsigned kTransmissions = 7; // the module's retry_count is 6

static std::string promised(int value)
{
	if (value < 0)
		return "the CM's choice";
	const double once = 4.096e-6 * std::pow(2, value) * kTransmissions;

	return fmt::format("{:.3g} to {:.3g} s", once, 4 * once);
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

std::string silence_table(Lab &lab, unsigned rounds, const Progress &progress)
{
	std::string text = "| `ack_timeout` | by the specification | measured | found by |\n|---|---|---|---|\n";

	for (int value : kValues)
		text += fmt::format("| {} | {} {}\n", value, promised(value),
				    measured(detect_silence(lab, value, rounds, progress)));
	return text;
}

} // namespace lab
