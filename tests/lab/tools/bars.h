// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <string>
#include <vector>

namespace lab {

struct Bar {
	double value, least, most; // the latter two are drawn as a line, if they differ
};

struct BarPanel {
	std::string title;
	std::vector<std::string> groups;    // below the bars
	std::vector<std::vector<Bar>> bars; // by group, then as the legend says
};

// An SVG of panels, one below the other.
std::string draw_bars(const std::string &title, const std::vector<std::string> &legend,
		      const std::vector<BarPanel> &panels);

} // namespace lab
