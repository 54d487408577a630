// Time stamps of requests and documents.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/time.h"
#include "model/timestamp.h"
#include "model/value.h"

namespace matriarch::rest {

// "2030-01-01T00:00:00+03:00", fraction only if there is one, the offset as it was given (API-336).
std::string iso_text(const Timestamp& moment, char between_date_and_time = 'T');

// As PostgreSQL prints a timestamptz, in the form of API-028; a text that is no time stamp stays as it is.
std::string document_time(std::string_view printed_by_server);

// Seconds since the epoch with fraction; 0 for what is no time stamp (API-217).
double epoch_seconds(std::string_view printed_by_server);

enum class ScheduleProblem { kUnparsable, kNoTimeZone, kPast };  // API-245 to API-247
// The normalised text, or what is wrong with it.
std::variant<std::string, ScheduleProblem> parse_schedule(const Value& given, WallTime now);

}  // namespace matriarch::rest
