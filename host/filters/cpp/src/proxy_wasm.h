// The Proxy-Wasm ABI 0.2.1 as far as this filter needs it, with thin C++ wrappers.
//
// Rule 1: memory that the host fills comes from malloc and is owned by Bytes.
// Rule 2: no exceptions, no RTTI, no iostreams: they cost more than the filter itself.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#define HOST_CALL(name) extern "C" __attribute__((import_module("env"), import_name(#name))) int32_t name
#define CALLBACK(name) extern "C" __attribute__((export_name(#name)))

HOST_CALL(proxy_log)(int32_t level, const char* message, size_t size);
HOST_CALL(proxy_get_current_time_nanoseconds)(uint64_t* now);
HOST_CALL(proxy_get_property)(const char* path, size_t path_size, char** value, size_t* size);
HOST_CALL(proxy_get_buffer_bytes)(int32_t type, size_t start, size_t max, char** data, size_t* size);
HOST_CALL(proxy_get_header_map_value)(int32_t map, const char* key, size_t key_size, char** value, size_t* size);
HOST_CALL(proxy_replace_header_map_value)(int32_t map, const char* key, size_t key_size, const char* value, size_t size);
HOST_CALL(proxy_get_shared_data)(const char* key, size_t key_size, char** value, size_t* size, uint32_t* cas);
HOST_CALL(proxy_set_shared_data)(const char* key, size_t key_size, const char* value, size_t size, uint32_t cas);
HOST_CALL(proxy_define_metric)(int32_t type, const char* name, size_t size, uint32_t* id);
HOST_CALL(proxy_increment_metric)(uint32_t id, int64_t delta);
HOST_CALL(proxy_send_local_response)(uint32_t status, const char* details, size_t details_size, const char* body,
                                     size_t body_size, const char* headers, size_t headers_size, int32_t grpc_status);

namespace proxy {

enum Status : int32_t { kOk = 0, kNotFound = 1, kCasMismatch = 8 };
enum Level : int32_t { kDebug = 1, kInfo = 2, kWarn = 3, kError = 4 };
enum Map : int32_t { kRequestHeaders = 0, kResponseHeaders = 2 };
enum Buffer : int32_t { kPluginConfiguration = 7 };
enum Action : int32_t { kContinue = 0, kPause = 1 };
constexpr int32_t kCounter = 0;
constexpr int32_t kGrpcResourceExhausted = 8;

// A block the host allocated in our memory.
class Bytes {
 public:
  Bytes() = default;
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  ~Bytes() { std::free(data_); }
  char** data() { return &data_; }
  size_t* size() { return &size_; }
  std::string_view view() const { return {data_ == nullptr ? "" : data_, data_ == nullptr ? 0 : size_}; }

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
};

inline void log(Level level, std::string_view text) { proxy_log(level, text.data(), text.size()); }

inline std::string plugin_configuration() {
  Bytes bytes;
  proxy_get_buffer_bytes(kPluginConfiguration, 0, SIZE_MAX, bytes.data(), bytes.size());
  return std::string(bytes.view());
}

// The first value of a header, nothing if it is absent.
inline std::optional<std::string> header(Map map, std::string_view name) {
  Bytes value;
  if (proxy_get_header_map_value(map, name.data(), name.size(), value.data(), value.size()) != kOk) return std::nullopt;
  return std::string(value.view());
}

inline void set_header(Map map, std::string_view name, std::string_view value) {
  proxy_replace_header_map_value(map, name.data(), name.size(), value.data(), value.size());
}

// A property whose path has its parts separated by NUL.
inline std::string property(std::string_view path) {
  Bytes value;
  if (proxy_get_property(path.data(), path.size(), value.data(), value.size()) != kOk) return {};
  return std::string(value.view());
}

inline uint64_t now_nanoseconds() {
  uint64_t now = 0;
  proxy_get_current_time_nanoseconds(&now);
  return now;
}

using Headers = std::vector<std::pair<std::string_view, std::string>>;

// Count, then the lengths of all, then all names and values with a NUL behind each; little-endian as wasm is.
inline std::string serialize(const Headers& headers) {
  std::string out;
  const auto number = [&out](size_t n) {
    const uint32_t u = static_cast<uint32_t>(n);
    out.append(reinterpret_cast<const char*>(&u), sizeof u);
  };
  number(headers.size());
  for (const auto& [name, value] : headers) {
    number(name.size());
    number(value.size());
  }
  for (const auto& [name, value] : headers) {
    out.append(name).push_back('\0');
    out.append(value).push_back('\0');
  }
  return out;
}

inline void reply(uint32_t status, std::string_view details, std::string_view body, const Headers& headers,
                  int32_t grpc_status) {
  const std::string pairs = serialize(headers);
  proxy_send_local_response(status, details.data(), details.size(), body.data(), body.size(), pairs.data(),
                            pairs.size(), grpc_status);
}

class Counter {
 public:
  void define(std::string_view name) { defined_ = proxy_define_metric(kCounter, name.data(), name.size(), &id_) == kOk; }
  void increment() const {
    if (defined_) proxy_increment_metric(id_, 1);
  }

 private:
  uint32_t id_ = 0;
  bool defined_ = false;
};

}  // namespace proxy
