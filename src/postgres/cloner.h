// Making this node a copy of another one, by pg_basebackup or by methods of the operator's own (PG section 5).
#pragma once

#include "postgres/config_files.h"
#include "postgres/core.h"
#include "postgres/scripts.h"

namespace matriarch::postgres {

class Cloner {
 public:
  Cloner(Core& core, ConfigFiles& files, Scripts& scripts) : core_(core), files_(files), scripts_(scripts) {}

  // Tries the methods in order. Success leaves a stopped data directory; failure leaves none, unless a method keeps it.
  Task<Status> clone(CloneSource source, Ctx ctx);

 private:
  Task<Status> basebackup(std::string conninfo, std::map<std::string, std::string> env, Ctx ctx);
  Task<void> remove_unfinished();
  Task<Status> custom(std::string method, std::string conninfo, std::map<std::string, std::string> env, Ctx ctx);

  Core& core_;
  ConfigFiles& files_;
  Scripts& scripts_;
};

// PG-284: of the user's options for pg_basebackup, what may be passed on.
std::vector<std::string> basebackup_arguments(const Value& options, int major_version);

}  // namespace matriarch::postgres
