# A module is a folder of src/ with a library of its own; tests/unit/<module> is its test executable.
# Sources are found by glob so that adding a file touches no list.

# matriarch_module(<name> DEPENDS <modules and libraries...>)
function(matriarch_module name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "*.cc")
  if(NOT sources)  # headers only
    add_library(matriarch_${name} INTERFACE)
    add_library(matriarch::${name} ALIAS matriarch_${name})
    target_link_libraries(matriarch_${name} INTERFACE matriarch::flags ${ARG_DEPENDS})
    return()
  endif()
  add_library(matriarch_${name} STATIC ${sources})
  add_library(matriarch::${name} ALIAS matriarch_${name})
  target_link_libraries(matriarch_${name} PUBLIC matriarch::flags ${ARG_DEPENDS})
  if(TARGET matriarch_pch)
    target_precompile_headers(matriarch_${name} REUSE_FROM matriarch_pch)
  endif()
endfunction()

# matriarch_test(<name> LABEL <unit|sim|system|fuzz> DEPENDS <...>): one gtest executable, run by ctest as one test.
function(matriarch_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "*.cc")
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE matriarch::flags ${ARG_DEPENDS} GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE MATRIARCH_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_precompile_headers(${name} REUSE_FROM matriarch_pch)
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT}
                       ENVIRONMENT "GTEST_OUTPUT=xml:${CMAKE_BINARY_DIR}/results/${name}.xml")
  if(ARG_LABEL STREQUAL "system")
    set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)  # real servers measure real time: they get the machine
  endif()
endfunction()
