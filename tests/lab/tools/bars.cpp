// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tools/bars.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace lab {

static constexpr double kLeft = 50, kRight = 10, kWidth = 1000, kTop = 60, kPanel = 180, kBelow = 90;
static constexpr const char *kColours[] = {"#2a6099", "#f08000", "#6a9955", "#999999"};

class BarPicture {
public:
	BarPicture(const std::string &title, const std::vector<std::string> &legend, std::size_t panels)
	{
		add("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {:.0f} {:.0f}' "
		    "font-family='sans-serif' "
		    "font-size='11'>\n<!-- SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause -->\n"
		    "<rect width='100%' height='100%' fill='white'/>\n<text x='{}' y='20' "
		    "font-size='16'>{}</text>\n",
		    kWidth, kTop + panels * (kPanel + kBelow), kLeft, title);
		for (std::size_t i = 0; i < legend.size(); i++) {
			add("<rect x='{}' y='30' width='10' height='10' fill='{}'/><text x='{}' "
			    "y='39'>{}</text>\n",
			    kLeft + 110 * i, colour(i), kLeft + 110 * i + 14, legend[i]);
		}
	}

	void panel(const BarPanel &panel, double top)
	{
		const double group = (kWidth - kLeft - kRight) / panel.groups.size();
		double most = 0;

		for (const auto &bars : panel.bars)
			for (const Bar &bar : bars)
				most = std::max({most, bar.value, bar.most});
		const double scale = kPanel / most, floor = top + kPanel;

		add("<text x='{}' y='{}' font-weight='bold'>{}</text>\n", kLeft, top - 5, panel.title);
		add("<text x='{}' y='{}' text-anchor='end'>{:.4g}</text>\n", kLeft - 4, top + 8, most);
		line(kLeft, floor, kWidth - kRight, floor);
		for (std::size_t i = 0; i < panel.groups.size(); i++) {
			const double begin = kLeft + group * i, width = group * 0.8 / panel.bars[i].size();

			for (std::size_t j = 0; j < panel.bars[i].size(); j++)
				draw(panel.bars[i][j], begin + width * j, width, floor, scale, colour(j));
			add("<text transform='translate({:.1f},{:.1f}) rotate(20)'>{}</text>\n", begin,
			    floor + 14, panel.groups[i]);
		}
	}

	std::string finish() { return text_ + "</svg>\n"; }

private:
	template <typename... Args> void add(fmt::format_string<Args...> format, Args &&...args)
	{
		text_ += fmt::format(format, std::forward<Args>(args)...);
	}
	void line(double x1, double y1, double x2, double y2)
	{
		add("<line x1='{:.1f}' y1='{:.1f}' x2='{:.1f}' y2='{:.1f}' stroke='black'/>\n", x1, y1, x2,
		    y2);
	}
	void draw(const Bar &bar, double x, double width, double floor, double scale, const char *colour)
	{
		add("<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}' fill='{}'/>\n", x,
		    floor - bar.value * scale, width * 0.9, bar.value * scale, colour);
		if (bar.least < bar.most)
			line(x + width * 0.45, floor - bar.least * scale, x + width * 0.45,
			     floor - bar.most * scale);
	}
	static const char *colour(std::size_t i) { return kColours[i % std::size(kColours)]; }

	std::string text_;
};

std::string draw_bars(const std::string &title, const std::vector<std::string> &legend,
		      const std::vector<BarPanel> &panels)
{
	BarPicture picture(title, legend, panels.size());

	for (std::size_t i = 0; i < panels.size(); i++)
		picture.panel(panels[i], kTop + i * (kPanel + kBelow));
	return picture.finish();
}

} // namespace lab
