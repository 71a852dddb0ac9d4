;; title: A timer that never ends
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; The request only sets a timer of one millisecond and is held; the loop is in proxy_on_tick, which no
;; request waits for.
(module
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_tick") (param i32) (loop $l (br $l)))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (drop (call $tick (i32.const 1))) (i32.const 1)))
