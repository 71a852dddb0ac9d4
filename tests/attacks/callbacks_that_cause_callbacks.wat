;; title: A queue that wakes itself
;; group: work
;; limit: callbacks_at_once
;; stops: trapped
;; limits: callbacks_at_once=2000
;;
;; To keep the host busy for ever with calls that are each short and each within their limits. The plugin
;; never loops; it makes the host loop.
;;
;; proxy_on_queue_ready puts an item into the queue, which makes the host call proxy_on_queue_ready. The
;; request starts it by registering the queue and putting the first item in, and is then held. Nothing is
;; ever taken out.
;;
;; Envoy 1.40 hangs, and its memory grows meanwhile: 165 MiB after two seconds, since the queue grows as
;; well.
;;
;; Each of the calls has a tank of its own, so no fuel limit sees the chain. `Vm._too_many` in
;; host/pywasmvm_host/vm.py counts the calls from outside that happen at one moment of the world's clock;
;; when `callbacks_at_once` of them have passed without time passing, the VM fails. It is there, before a
;; call gets its limits, because it bounds what the limits of single calls cannot.
;;
;; Were the items larger, `queue_bytes` would end it first. A chain that lets a millisecond pass between its
;; links is no longer this attack but a busy timer; its work adds up in `fuel_vm`. To set: `--limit
;; callbacks_at_once=`.
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
