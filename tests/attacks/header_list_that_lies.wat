;; title: A header list with a lying count
;; group: host
;; limit: none: a malformed list reads as empty
;; stops: answered
;; says: malformed header list
;;
;; A serialised list says it has four billion entries, or entries longer than itself. Nothing may be
;; allocated by such a count. Envoy takes the list for an empty one, and so do we.
(module
  (import "env" "proxy_send_local_response" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 64) "\ff\ff\ff\ff\01\00\00\00\01\00\00\00a\00b\00")
  (data (i32.const 96) "\01\00\00\00\ff\ff\ff\ff\ff\ff\ff\ffa\00b\00")
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (drop (call $send (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 16) (i32.const -1)))
    (drop (call $send (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 96) (i32.const 16) (i32.const -1)))
    (i32.const 1)))
