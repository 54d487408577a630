// matriarchctl, also to be called as patronictl.
#include <filesystem>

#include "apps/matriarchctl/clusters.h"
#include "ctl/program.h"

int main(int argc, char** argv) {
  const std::string program = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "matriarchctl";
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const auto console = matriarch::ctl::make_process_console();
  return matriarch::ctl::run_program(program, arguments, *console, matriarch::make_clusters);
}
