// One entry per client: when its window began and how many requests were counted since.
//
// Every worker of the proxy has a VM of its own and all share the entries, so an update is a compare-and-swap that is
// tried again when another worker was faster.
#include "limiter.h"

#include <cstring>

#include "proxy_wasm.h"

namespace {

constexpr uint32_t kMaxTries = 16;
constexpr uint64_t kSecond = 1'000'000'000;

struct Entry {
  uint64_t window_start;
  uint32_t used;
  uint32_t reserved;
};
static_assert(sizeof(Entry) == 16);

struct Stored {
  Entry entry{};
  uint32_t cas = 0;
  bool present = false;
};

Stored load(const std::string& key) {
  Stored stored;
  proxy::Bytes value;
  const int32_t status = proxy_get_shared_data(key.data(), key.size(), value.data(), value.size(), &stored.cas);
  if (status != proxy::kOk) return stored;
  // A value of another size was not written by this filter: count anew, but keep its CAS.
  stored.present = true;
  if (value.view().size() == sizeof(Entry)) std::memcpy(&stored.entry, value.view().data(), sizeof(Entry));
  return stored;
}

int32_t store(const std::string& key, const Entry& entry, uint32_t cas) {
  return proxy_set_shared_data(key.data(), key.size(), reinterpret_cast<const char*>(&entry), sizeof entry, cas);
}

// Write the first entry of a client so that of two workers doing it at once one loses and tries again.
int32_t store_first(const std::string& key, const Entry& entry) {
  // why: 0 would overwrite unconditionally. Any other number is taken for an absent key and refused for a present one
  // (as long as it is not the entry's own; this one would be the very last to be given out).
  const int32_t status = store(key, entry, UINT32_MAX);
  if (status != proxy::kCasMismatch) return status;
  // A host that follows the letter may refuse it for an absent key too.
  return load(key).present ? status : store(key, entry, 0);
}

}  // namespace

Decision count_request(const Config& config, const std::string& client, uint64_t now) {
  const uint64_t window = config.window_seconds * kSecond;
  const std::string key = "ratelimit:" + config.name + ":" + client;
  Decision decision;
  for (; decision.retries < kMaxTries; ++decision.retries) {
    Stored stored = load(key);
    Entry& entry = stored.entry;
    // A clock that was set back starts a new window as well.
    if (now - entry.window_start >= window) entry = {now, 0, 0};
    const uint64_t left = entry.window_start + window - now;
    decision.reset_seconds = static_cast<uint32_t>((left + kSecond - 1) / kSecond);
    if (entry.used >= config.requests) {
      decision.outcome = Outcome::kLimited;
      return decision;
    }
    ++entry.used;
    const int32_t status = stored.present ? store(key, entry, stored.cas) : store_first(key, entry);
    if (status == proxy::kOk) {
      decision.remaining = config.requests - entry.used;
      decision.outcome = Outcome::kAllowed;
      return decision;
    }
    if (status != proxy::kCasMismatch) return decision;
  }
  return decision;
}
