// Precompiled for every target: standard headers that nearly every file needs. Nothing of ours, nothing of Boost.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <compare>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>
