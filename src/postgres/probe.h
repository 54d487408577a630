// Does a server answer, and does it accept connections? What pg_isready finds out (PG-063), without running a program
// and without logging in: a startup packet is sent, and the first message of the answer tells.
#pragma once

#include <string>
#include <string_view>

#include "base/reactor.h"
#include "model/server_view.h"
#include "postgres/connection.h"

namespace matriarch::postgres {

// Of the first address in `params` that answers. host empty: the default socket directory.
Task<Readiness> probe(Reactor& reactor, ConnParams params, Ctx ctx);

// What the beginning of a server's answer means; nothing yet: kNoResponse.
Readiness readiness_of_answer(std::string_view answer);

}  // namespace matriarch::postgres
