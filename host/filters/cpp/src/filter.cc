// Rate limiting as a Proxy-Wasm filter: the callbacks the host calls.
#include <unordered_map>

#include "config.h"
#include "limiter.h"
#include "proxy_wasm.h"

namespace {

struct Root {
  Config config;
  proxy::Counter allowed, limited, errors;
};

struct Stream {
  uint32_t root = 0;
  Decision decision;
};

std::unordered_map<uint32_t, Root> roots;
std::unordered_map<uint32_t, Stream> streams;

// Who is counted: the value of the configured header, else the address without the port.
std::string client_of(const Config& config) {
  if (!config.key_header.empty()) {
    const std::optional<std::string> value = proxy::header(proxy::kRequestHeaders, config.key_header);
    if (value && !value->empty()) return "key=" + *value;
  }
  const std::string address = proxy::property(std::string_view("source\0address", 14));
  return "ip=" + address.substr(0, address.rfind(':'));
}

void refuse(const Root& root, const Decision& decision, const std::string& client) {
  root.limited.increment();
  proxy::log(proxy::kWarn, "rate-limit: " + client + " limited, next window in " +
                               std::to_string(decision.reset_seconds) + " s");
  const proxy::Headers headers = {{"content-type", "application/json"},
                                  {"retry-after", std::to_string(decision.reset_seconds)}};
  proxy::reply(429, "rate_limited", "{\"error\":\"rate_limited\"}\n", headers, proxy::kGrpcResourceExhausted);
}

}  // namespace

CALLBACK(proxy_abi_version_0_2_1) void proxy_abi_version_0_2_1() {}

CALLBACK(proxy_on_context_create) void proxy_on_context_create(uint32_t id, uint32_t parent) {
  if (parent == 0) {
    roots.try_emplace(id);
  } else {
    streams[id].root = parent;
  }
}

CALLBACK(proxy_on_configure) int32_t proxy_on_configure(uint32_t id, uint32_t) {
  Root& root = roots[id];
  Config config;
  const std::string wrong = parse_config(proxy::plugin_configuration(), config);
  if (!wrong.empty()) {
    proxy::log(proxy::kError, "rate-limit: bad configuration: " + wrong);
    return 0;
  }
  root.config = config;
  root.allowed.define("rate_limit." + config.name + ".allowed");
  root.limited.define("rate_limit." + config.name + ".limited");
  root.errors.define("rate_limit." + config.name + ".errors");
  proxy::log(proxy::kInfo, "rate-limit: " + std::to_string(config.requests) + " requests per " +
                               std::to_string(config.window_seconds) + " s");
  return 1;
}

CALLBACK(proxy_on_request_headers) int32_t proxy_on_request_headers(uint32_t id, uint32_t, uint32_t) {
  Stream& stream = streams[id];
  const Root& root = roots[stream.root];
  const std::string client = client_of(root.config);
  stream.decision = count_request(root.config, client, proxy::now_nanoseconds());
  switch (stream.decision.outcome) {
    case Outcome::kLimited:
      refuse(root, stream.decision, client);
      return proxy::kPause;
    case Outcome::kAllowed:
      root.allowed.increment();
      proxy::log(proxy::kDebug, "rate-limit: " + client + " has " + std::to_string(stream.decision.remaining) + " left");
      return proxy::kContinue;
    case Outcome::kUnknown:
      // why: a broken counter must not take the service down.
      root.errors.increment();
      proxy::log(proxy::kError, "rate-limit: " + client + " could not be counted, let through");
      return proxy::kContinue;
  }
}

CALLBACK(proxy_on_response_headers) int32_t proxy_on_response_headers(uint32_t id, uint32_t, uint32_t) {
  const Stream& stream = streams[id];
  if (stream.decision.outcome == Outcome::kUnknown) return proxy::kContinue;
  const auto set = [](std::string_view name, uint32_t value) {
    proxy::set_header(proxy::kResponseHeaders, name, std::to_string(value));
  };
  set("x-ratelimit-limit", roots[stream.root].config.requests);
  set("x-ratelimit-remaining", stream.decision.remaining);
  set("x-ratelimit-reset", stream.decision.reset_seconds);
  return proxy::kContinue;
}

CALLBACK(proxy_on_delete) void proxy_on_delete(uint32_t id) {
  if (streams.erase(id) == 0) roots.erase(id);
}
