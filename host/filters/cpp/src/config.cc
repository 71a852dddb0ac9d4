// A reader for the configuration only. Unknown names, nested values and escapes beyond \" and \\ are refused:
// a limit that silently means something else is worse than none.
#include "config.h"

#include <optional>

namespace {

struct Reader {
  std::string_view text;
  size_t at = 0;

  void skip_space() {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r')) ++at;
  }

  bool accept(char c) {
    skip_space();
    if (at >= text.size() || text[at] != c) return false;
    ++at;
    return true;
  }

  std::optional<std::string> string() {
    if (!accept('"')) return std::nullopt;
    std::string out;
    while (at < text.size() && text[at] != '"') {
      if (static_cast<unsigned char>(text[at]) < 0x20) return std::nullopt;
      if (text[at] == '\\') {
        ++at;
        if (at >= text.size() || (text[at] != '"' && text[at] != '\\')) return std::nullopt;
      }
      out.push_back(text[at++]);
    }
    if (!accept('"')) return std::nullopt;
    return out;
  }

  // A natural number above zero that fits 32 bits.
  std::optional<uint32_t> positive() {
    skip_space();
    uint64_t value = 0;
    const size_t from = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      value = value * 10 + static_cast<uint64_t>(text[at++] - '0');
      if (value > UINT32_MAX) return std::nullopt;
    }
    if (at == from || value == 0) return std::nullopt;
    return static_cast<uint32_t>(value);
  }
};

bool assign(std::optional<uint32_t> value, uint32_t& to) {
  if (value) to = *value;
  return value.has_value();
}

bool assign(std::optional<std::string> value, std::string& to) {
  const bool good = value && !value->empty();
  if (good) to = *value;
  return good;
}

// Read the value of one member; false if it is unknown or its value of the wrong kind.
bool read_member(const std::string& name, Reader& reader, Config& config) {
  if (name == "requests") return assign(reader.positive(), config.requests);
  if (name == "window_seconds") return assign(reader.positive(), config.window_seconds);
  if (name == "key_header") return assign(reader.string(), config.key_header);
  if (name == "name") return assign(reader.string(), config.name);
  return false;
}

}  // namespace

std::string parse_config(std::string_view text, Config& config) {
  Reader reader{text};
  if (!reader.accept('{')) return "expected '{' at byte " + std::to_string(reader.at);
  bool first = true;
  while (!reader.accept('}')) {
    if (!first && !reader.accept(',')) return "expected ',' or '}' at byte " + std::to_string(reader.at);
    first = false;
    const std::optional<std::string> name = reader.string();
    if (!name || !reader.accept(':')) return "expected a member at byte " + std::to_string(reader.at);
    if (!read_member(*name, reader, config)) return "unknown name or bad value: \"" + *name + "\"";
  }
  reader.skip_space();
  if (reader.at != text.size()) return "text after the object at byte " + std::to_string(reader.at);
  if (config.requests == 0) return "\"requests\" is required";
  return {};
}
