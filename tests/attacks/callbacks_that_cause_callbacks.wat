;; title: A queue that wakes itself
;; group: work
;; limit: callbacks_at_once
;; stops: trapped
;; limits: callbacks_at_once=2000
;;
;; proxy_on_queue_ready takes the item and puts a new one in, which calls it again. Every call is short and
;; has fuel of its own; together they never end, and no time passes between them.
(module
  (import "env" "proxy_register_shared_queue" (func $register (param i32 i32 i32) (result i32)))
  (import "env" "proxy_enqueue_shared_queue" (func $put (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_queue_ready") (param i32 i32)
    (drop (call $put (i32.load (i32.const 32)) (i32.const 64) (i32.const 1))))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (drop (call $register (i32.const 64) (i32.const 4) (i32.const 32)))
    (drop (call $put (i32.load (i32.const 32)) (i32.const 64) (i32.const 1)))
    (i32.const 1)))
