;; title: A queue nobody empties
;; group: host
;; limit: queue_bytes
;; stops: answered
;; says: queue_bytes
;; limits: queue_bytes=64KiB
;;
;; Items are put in and never taken out.
(module
  (import "env" "proxy_register_shared_queue" (func $register (param i32 i32 i32) (result i32)))
  (import "env" "proxy_enqueue_shared_queue" (func $put (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32) (local $status i32)
    (drop (call $register (i32.const 64) (i32.const 4) (i32.const 32)))
    (loop $l
      (local.set $status (call $put (i32.load (i32.const 32)) (i32.const 64) (i32.const 100)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
    (if (i32.ne (local.get $status) (i32.const 10)) (then (unreachable)))
    (i32.const 0)))
