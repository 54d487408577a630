// Other programs at the same terminal: the editor and the pager of `edit-config` (CTL-223..232).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace matriarch::ctl {

// The path of `name` in PATH, or `name` itself if it contains a slash and can be executed; empty if there is none.
std::string find_program(std::string_view name);

// Lets the person change `text` in $EDITOR, `editor` or `vi`; gives the text as saved. `cluster` names the file.
// kNotFound: no editor. kFailed: it exited with an error.
Result<std::string> edit_text(std::string_view cluster, std::string_view text);

// Shows `text` with $PAGER, `less` or `more`. kNotFound: none of them exists.
Status page_text(std::string_view text);

}  // namespace matriarch::ctl
