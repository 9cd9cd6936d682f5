// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "lab/storm_plan.h"

#include <algorithm>
#include <array>
#include <random>

#include <fmt/format.h>

namespace lab {

using std::chrono::milliseconds;

static constexpr unsigned kEventsBetweenRests = 10;

// Events are dealt like cards and laid on a time line, where each takes the thing that it breaks
// (a cable, iscsid, a device) for a while. Events of different things overlap as they will. Draws
// use the generator's own numbers: the standard leaves distributions to the library.
class Planner {
public:
	explicit Planner(std::uint32_t seed) : random_(seed) {}

	std::vector<StormAction> plan(const StormCounts &counts)
	{
		std::vector<Deed> deck;
		unsigned events = 0;

		deck.insert(deck.end(), counts.flaps, Deed::pull_cable);
		deck.insert(deck.end(), counts.kills, Deed::kill_iscsid);
		deck.insert(deck.end(), counts.removals, Deed::delete_device);
		deck.insert(deck.end(), counts.unloads, Deed::unload);
		deck.insert(deck.end(), counts.restarts, Deed::reset_target);
		for (std::size_t i = deck.size(); i > 1; i--)
			std::swap(deck[i - 1], deck[draw(0, i - 1)]);
		for (Deed deed : deck) {
			if (events++ % kEventsBetweenRests == kEventsBetweenRests - 1)
				rest();
			add(deed);
		}
		rest();
		return in_order();
	}

private:
	struct Timed {
		milliseconds at;
		StormAction action;
	};
	static constexpr std::size_t kIscsid = 4, kDevices = 5, kThings = 7; // cables come first

	unsigned draw(unsigned from, unsigned to) { return from + random_() % (to - from + 1); }
	milliseconds draw_ms(unsigned from, unsigned to) { return milliseconds(draw(from, to)); }

	// Most faults are over before anybody has noticed, or after everybody has.
	milliseconds draw_length()
	{
		switch (draw(0, 2)) {
		case 0:
			return draw_ms(20, 300);
		case 1:
			return draw_ms(300, 2500);
		default:
			return draw_ms(2500, 7000);
		}
	}

	void put(milliseconds at, Deed deed, Path path = Path::A, bool at_target = false)
	{
		timed_.push_back({at, {milliseconds(0), deed, path, at_target}});
	}

	void break_thing(std::size_t thing, Deed deed, Deed undo, Path path = Path::A,
			 bool at_target = false)
	{
		const milliseconds begin = std::max(now_, free_at_[thing] + draw_ms(20, 500));
		const milliseconds end = begin + draw_length();

		put(begin, deed, path, at_target);
		put(end, undo, path, at_target);
		free_at_[thing] = end;
	}

	void wait_until_whole() { now_ = std::max(now_, *std::ranges::max_element(free_at_)); }

	void rest()
	{
		wait_until_whole();
		put(now_, Deed::settle);
	}

	void add(Deed deed)
	{
		const Path path = kPaths[draw(0, 1)];
		const bool at_target = draw(0, 1);
		const unsigned number = static_cast<unsigned>(path);

		now_ += draw_ms(50, 1500);
		switch (deed) {
		case Deed::pull_cable:
			break_thing(2 * at_target + number, deed, Deed::plug_cable, path, at_target);
			break;
		case Deed::kill_iscsid:
			break_thing(kIscsid, deed, Deed::start_iscsid);
			break;
		case Deed::delete_device:
			break_thing(kDevices + number, deed, Deed::add_device, path);
			break;
		case Deed::unload:
			// Nobody can log out without iscsid. It hits either recoveries or busy paths.
			wait_until_whole();
			if (at_target)
				rest();
			put(now_, deed);
			break;
		default:
			put(now_, deed);
		}
	}

	std::vector<StormAction> in_order()
	{
		std::vector<StormAction> actions;
		milliseconds last{0};

		std::ranges::stable_sort(timed_, {}, &Timed::at);
		for (Timed &timed : timed_) {
			timed.action.pause = timed.at - last;
			last = timed.at;
			actions.push_back(timed.action);
		}
		return actions;
	}

	std::mt19937 random_;
	milliseconds now_{0};
	std::array<milliseconds, kThings> free_at_{};
	std::vector<Timed> timed_;
};

std::vector<StormAction> plan_storm(std::uint32_t seed, const StormCounts &counts)
{
	return Planner(seed).plan(counts);
}

std::string StormAction::story() const
{
	const char letter = path == Path::A ? 'A' : 'B';
	const unsigned number = static_cast<unsigned>(path);

	switch (deed) {
	case Deed::pull_cable:
	case Deed::plug_cable:
		return fmt::format("cable {} {} at the {}", letter,
				   deed == Deed::pull_cable ? "out" : "in",
				   at_target ? "target" : "initiator");
	case Deed::kill_iscsid:
		return "iscsid killed";
	case Deed::start_iscsid:
		return "iscsid started";
	case Deed::delete_device:
		return fmt::format("rxe{} deleted", number);
	case Deed::add_device:
		return fmt::format("rxe{} added", number);
	case Deed::reset_target:
		return "target machine reset";
	case Deed::unload:
		return "logout, unload, load, login";
	case Deed::settle:
		return "settled";
	}
	return "?";
}

} // namespace lab
