// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace lab {

// Calls `expired` in a thread of its own unless it is destroyed before the time is up.
class Watchdog {
public:
	Watchdog(std::chrono::seconds limit, const std::function<void()> &expired)
		: thread_([this, limit, expired] {
			  std::unique_lock lock(mutex_);

			  if (!changed_.wait_for(lock, limit, [this] { return done_; }))
				  expired();
		  })
	{
	}

	~Watchdog()
	{
		{
			const std::lock_guard lock(mutex_);

			done_ = true;
		}
		changed_.notify_all();
		thread_.join();
	}

private:
	std::mutex mutex_;
	std::condition_variable changed_;
	bool done_ = false;
	std::thread thread_; // last: it uses the others
};

} // namespace lab
