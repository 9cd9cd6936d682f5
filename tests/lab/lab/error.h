// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace lab {

struct Error : std::runtime_error {
	using std::runtime_error::runtime_error;
};

// The machine no longer answers: panicked, killed, or stuck.
struct MachineLost : Error {
	using Error::Error;
};

template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args &&...args)
{
	throw Error(fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
[[noreturn]] void fail_errno(fmt::format_string<Args...> format, Args &&...args)
{
	const char *reason = std::strerror(errno);

	throw Error(fmt::format(format, std::forward<Args>(args)...) + ": " + reason);
}

} // namespace lab
