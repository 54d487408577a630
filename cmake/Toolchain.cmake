# The compilers we trust, and the flags every target gets.
#
# g++ 12 corrupts memory in ordinary coroutines (temporaries of co_await expressions are destroyed twice), silently:
# refusing it here is a safety measure. g++ 14 and clang 19 are known good.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  message(FATAL_ERROR "g++ ${CMAKE_CXX_COMPILER_VERSION} miscompiles coroutines; use clang 19 (-DCMAKE_CXX_COMPILER=clang++-19) or g++ >= 14")
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "clang ${CMAKE_CXX_COMPILER_VERSION} lacks parts of C++23 that the code needs; use clang 19 or newer")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

option(MATRIARCH_ASAN "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(MATRIARCH_TSAN "ThreadSanitizer" OFF)
option(MATRIARCH_BENCH "build bench/" OFF)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Precompiled headers can be cached only when their time stamps are left out (with -fno-pch-timestamp below).
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${CCACHE})
endif()

add_library(matriarch_flags INTERFACE)
add_library(matriarch::flags ALIAS matriarch_flags)
target_include_directories(matriarch_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR})
target_compile_options(matriarch_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wimplicit-fallthrough -Werror
  -Wno-missing-field-initializers -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(matriarch_flags INTERFACE -Wno-missing-designated-field-initializers
                         "SHELL:-Xclang -fno-pch-timestamp")
endif()
target_link_options(matriarch_flags INTERFACE -fuse-ld=lld)

if(MATRIARCH_ASAN)
  target_compile_options(matriarch_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all)
  target_link_options(matriarch_flags INTERFACE -fsanitize=address,undefined)
endif()
if(MATRIARCH_TSAN)
  target_compile_options(matriarch_flags INTERFACE -fsanitize=thread)
  target_link_options(matriarch_flags INTERFACE -fsanitize=thread)
endif()
