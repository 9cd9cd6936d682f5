// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tools/picture.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

namespace lab {

static constexpr double kBefore = 2, kBin = 0.1; // seconds
static constexpr double kLeft = 60, kRight = 20, kWidth = 900, kPanel = 150, kTop = 50, kGap = 150;

// Others may go on over the other path while one read waits.
static Gap wait_at_fault(const FailoverRound &round)
{
	return longest_wait(round.reads, round.begin, round.end);
}

// Shortest span that shows both modules' I/O going on again, in whole seconds.
static double span(const FailoverRound &round)
{
	double end = std::max(3.0, wait_at_fault(round).until() - round.begin + 0.5), last = 0;

	for (const Completion &read : round.reads) {
		const double at = read.at - round.begin;

		if (at > 0 && at - last > 0.5)
			end = std::max(end, at + 1.5);
		last = std::max(at, 0.0);
	}
	return std::ceil(end);
}

static std::string escaped(const std::string &text)
{
	std::string safe;

	for (char c : text)
		safe += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '"' ? "&quot;" : std::string(1, c);
	return safe;
}

class Picture {
public:
	Picture(const std::string &title, double seconds) : seconds_(seconds)
	{
		text_ = fmt::format(
			"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {:.0f} {:.0f}' "
			"font-family='sans-serif' font-size='12'>\n"
			"<!-- SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause -->\n"
			"<rect width='100%' height='100%' fill='white'/>\n"
			"<text x='{}' y='24' font-size='16'>{}</text>\n",
			kWidth, kTop + 2 * (kPanel + kGap) - 60, kLeft, escaped(title));
	}

	void panel(const std::string &name, const FailoverRound &round, double top)
	{
		std::map<int, int> bins;
		int most = 1;

		for (const Completion &read : round.reads) {
			const double at = read.at - round.begin;

			if (at > -kBefore && at < seconds_)
				most = std::max(most, ++bins[static_cast<int>(std::floor(at / kBin))]);
		}
		const Gap wait = wait_at_fault(round);

		add("<text x='{}' y='{}'>{}: reads completed; the longest wait (orange): {:.2f} s</text>\n", kLeft,
		    top - 6, escaped(name), wait.length.count());
		for (const auto &[bin, count] : bins) {
			const double height = kPanel * count / most;

			add("<rect x='{:.1f}' y='{:.1f}' width='{:.2f}' height='{:.1f}' fill='#4878a8'/>\n",
			    x(bin * kBin), top + kPanel - height, x(kBin) - x(0), height);
		}
		add("<text x='{}' y='{}' text-anchor='end'>{:.0f}/s</text>\n", kLeft - 4, top + 10, most / kBin);
		line(x(-kBefore), top + kPanel, x(seconds_), top + kPanel, "black");
		line(x(0), top, x(0), top + kPanel, "#c00000");
		add("<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='6' fill='#f08000'/>\n",
		    x(wait.from - round.begin), top + kPanel / 2, x(wait.length.count()) - x(0));
		for (double at = std::ceil(-kBefore); at <= seconds_; at += seconds_ > 30 ? 10 : 1)
			add("<text x='{:.1f}' y='{:.1f}' text-anchor='middle'>{:.0f} s</text>\n", x(at),
			    top + kPanel + 14, at);
		marks(round, top + kPanel + 30);
	}

	std::string finish() { return text_ + "</svg>\n"; }

private:
	template <typename... Args> void add(fmt::format_string<Args...> format, Args &&...args)
	{
		text_ += fmt::format(format, std::forward<Args>(args)...);
	}
	void line(double x1, double y1, double x2, double y2, const char *colour)
	{
		add("<line x1='{:.1f}' y1='{:.1f}' x2='{:.1f}' y2='{:.1f}' stroke='{}'/>\n", x1, y1, x2, y2,
		    colour);
	}
	double x(double at) const
	{
		return kLeft + (at + kBefore) / (seconds_ + kBefore) * (kWidth - kLeft - kRight);
	}
	// The first few in the picture's time, each on a line of its own.
	void marks(const FailoverRound &round, double y)
	{
		int left = 8;

		for (const Mark &mark : round.marks) {
			const double at = mark.at - round.begin;

			if (at < -0.5 || at > seconds_ || !left--)
				continue;
			const bool leftwards = x(at) > kWidth / 2;

			line(x(at), y - 30, x(at), y - 4, "#c07000");
			add("<text x='{:.1f}' y='{:.1f}' font-size='9' text-anchor='{}'>{:.3f} s: {}</text>\n",
			    x(at) + (leftwards ? -2 : 2), y, leftwards ? "end" : "start", at,
			    escaped(mark.what));
			y += 13;
			if (!left)
				break;
		}
	}

	double seconds_;
	std::string text_;
};

std::string draw(const std::string &title, const FailoverRound &ours, const FailoverRound &stock)
{
	Picture picture(title, std::max(span(ours), span(stock)));

	picture.panel("this module", ours, kTop);
	picture.panel("the distribution's module", stock, kTop + kPanel + kGap);
	return picture.finish();
}

} // namespace lab
