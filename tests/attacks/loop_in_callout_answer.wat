;; title: An answer callback that never ends
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; The loop waits in proxy_on_http_call_response, which runs long after the request's own callback has
;; returned, on the root context. It has a budget of its own.
(module
  (import "env" "proxy_http_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 64) "up")
  (data (i32.const 128) "\03\00\00\00\07\00\00\00\04\00\00\00\05\00\00\00\01\00\00\00\0a\00\00\00\01\00\00\00:method\00POST\00:path\00/\00:authority\00a\00")
  (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32) (loop $l (br $l)))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (drop (call $call (i32.const 64) (i32.const 2) (i32.const 128) (i32.const 62) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 32)))
    (i32.const 1)))
