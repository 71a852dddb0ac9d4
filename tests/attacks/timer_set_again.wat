;; title: Setting the timer again and again
;; group: host
;; limit: none: what is cancelled is forgotten
;; stops: answered
;;
;; Each new period cancels the timer before it. A host that only marks cancelled timers keeps them until
;; their time, fifty days away.
(module
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32)
    (loop $l
      (drop (call $tick (i32.const -1)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20000))))
    (drop (call $tick (i32.const 0)))
    (i32.const 0)))
