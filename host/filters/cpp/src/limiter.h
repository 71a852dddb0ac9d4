// Fixed-window counting in the host's shared data.
#pragma once

#include <cstdint>
#include <string>

#include "config.h"

enum class Outcome { kAllowed, kLimited, kUnknown };

struct Decision {
  Outcome outcome = Outcome::kUnknown;
  uint32_t remaining = 0;      // requests left in this window
  uint32_t reset_seconds = 0;  // until the window ends, rounded up
  uint32_t retries = 0;        // lost races
};

// Count one request of a client. kUnknown: the counter could not be updated; the caller decides.
Decision count_request(const Config& config, const std::string& client, uint64_t now);
