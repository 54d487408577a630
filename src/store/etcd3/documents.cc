#include "store/etcd3/documents.h"

namespace matriarch::etcd3 {

Result<std::vector<std::string>> Documents::feed(std::string_view bytes) {
  std::vector<std::string> complete;
  for (const char c : bytes) {
    if (depth_ == 0 && c != '{') continue;  // between documents: blanks and trailers
    unfinished_ += c;
    if (in_text_) {
      in_text_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
    } else if (c == '"') {
      in_text_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if ((c == '}' || c == ']') && --depth_ == 0) {
      complete.push_back(std::exchange(unfinished_, {}));
    }
  }
  if (unfinished_.size() > limit_) return Error(Errc::kTooLarge, "a JSON document is longer than the limit");
  return complete;
}

std::string_view first_document(std::string_view text) {
  const auto begin = text.find('{');
  if (begin == text.npos) return {};
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = begin; i < text.size(); ++i) {
    if (in_text) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == '"')
        in_text = false;
    } else if (text[i] == '"') {
      in_text = true;
    } else if (text[i] == '{' || text[i] == '[') {
      ++depth;
    } else if ((text[i] == '}' || text[i] == ']') && --depth == 0) {
      return text.substr(begin, i - begin + 1);
    }
  }
  return {};
}

}  // namespace matriarch::etcd3
