;; title: A queue nobody empties
;; group: host
;; limit: queue_bytes
;; stops: answered
;; says: queue_bytes
;; limits: queue_bytes=64KiB
;;
;; A queue nobody empties. Whoever registered it may have gone, and the items stay.
;;
;; One queue, then `proxy_enqueue_shared_queue` of a hundred bytes a thousand times, and never a dequeue.
;;
;; Envoy 1.40 keeps all items.
;;
;; proxy_enqueue_shared_queue in host/pywasmvm_host/calls/shared.py holds what the queue has and the new item
;; against `queue_bytes`, and refuses with INTERNAL_FAILURE. An item weighs 64 bytes besides its own
;; (ENTRY_BYTES in host/pywasmvm_host/shared.py), so that empty items are not free: 64 KiB are full after 399
;; of these.
;;
;; The limit is per queue; with `queues` it is a bound for a vm_id. The limit that counts is that of who puts
;; items in, also into a queue of others. `--limit queue_bytes=`.
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
