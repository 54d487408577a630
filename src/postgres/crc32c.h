// CRC-32C (Castagnoli), the checksum of pg_control and of WAL records.
#pragma once

#include <cstdint>
#include <string_view>

namespace matriarch::postgres {

// Of `data` alone; `crc32c(b, crc32c(a))` is that of a followed by b.
std::uint32_t crc32c(std::string_view data, std::uint32_t previous = 0);

}  // namespace matriarch::postgres
