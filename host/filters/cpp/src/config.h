// The plugin configuration: one flat JSON object of strings and natural numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

struct Config {
  uint32_t requests = 0;         // allowed per window and client; required
  uint32_t window_seconds = 60;  // length of a window, which starts with a client's first request
  std::string key_header;        // header that names the client; empty = the client's address
  std::string name = "default";  // limits with the same name and vm_id count together
};

// Fill config from text; return what is wrong with it, empty if nothing is.
std::string parse_config(std::string_view text, Config& config);
