# Everything from outside, in one place. Debian package names are in scripts/install-deps.
if(POLICY CMP0167)
  cmake_policy(SET CMP0167 NEW)  # newer CMake: Boost's own configuration files instead of FindBoost
endif()
find_package(Threads REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS json url)
find_package(OpenSSL 3 REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
