;; title: Numbers of five thousand digits in headers
;; group: isolation
;; limit: none: what is no number is none
;; stops: answered
;;
;; Numbers of five thousand digits in every header that a proxy reads as a number. Python refuses to convert so
;; many digits with an error of its own, which nothing in a host expects; elsewhere a number that does not fit
;; wraps around, and a body seems short.
;;
;; On the request the module sets the number of retries, the statuses to retry on and the timeouts, on the
;; response gRPC's status. With a length or a status of so many digits a peer breaks the connection, so
;; those have a test of their own, tests/host/test_headers.py.
;;
;; Envoy 1.40 reads these with absl::SimpleAtoi, for which they are no numbers.
;;
;; `unsigned` in host/pywasmvm_host/headers.py makes a header's text a number for all of the host: of digits
;; alone, and of no more than the bits asked for.
(module
  (import "env" "proxy_replace_header_map_value" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 0) "x-envoy-retry-on") (data (i32.const 32) "5xx,retriable-status-codes")
  (data (i32.const 64) "x-envoy-max-retries") (data (i32.const 96) "x-envoy-retriable-status-codes")
  (data (i32.const 128) "x-envoy-upstream-rq-timeout-ms")
  (data (i32.const 192) "grpc-status")
  (data (i32.const 256) "x-envoy-upstream-rq-per-try-timeout-ms")
  (func $digits (param $map i32) (param $name i32) (param $size i32)
    (drop (call $set (local.get $map) (local.get $name) (local.get $size) (i32.const 8192) (i32.const 5000))))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (memory.fill (i32.const 8192) (i32.const 57) (i32.const 5000))
    (drop (call $set (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 32) (i32.const 26)))
    (call $digits (i32.const 0) (i32.const 64) (i32.const 19))
    (call $digits (i32.const 0) (i32.const 96) (i32.const 30))
    (call $digits (i32.const 0) (i32.const 128) (i32.const 30))
    (call $digits (i32.const 0) (i32.const 256) (i32.const 38))
    (i32.const 0))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (call $digits (i32.const 2) (i32.const 192) (i32.const 11))
    (i32.const 0)))
