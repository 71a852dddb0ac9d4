;; title: Queues without number
;; group: host
;; limit: queues
;; stops: answered
;; says: limit queues =
;; limits: queues=100
;;
;; Queues, once registered, stay: the host keeps a table of them, by name and by token.
;;
;; `proxy_register_shared_queue` under five hundred names, each four bytes of a counter.
;;
;; Envoy 1.40 registered all.
;;
;; proxy_register_shared_queue in host/pywasmvm_host/calls/shared.py counts the queues of the vm_id and
;; refuses a new one above `queues`, 100 here. A name that exists already is not new, so a plugin that
;; registers its queue at every start, as all do, never meets the limit.
;;
;; Taking from a queue needs no ownership, a token is enough, also across vm_ids: that is the ABI's rule.
;; `--limit queues=`.
(module
  (import "env" "proxy_register_shared_queue" (func $register (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32) (local $status i32)
    (loop $l
      (i32.store (i32.const 64) (local.get $i))
      (local.set $status (call $register (i32.const 64) (i32.const 4) (i32.const 32)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 500))))
    (if (i32.ne (local.get $status) (i32.const 10)) (then (unreachable)))
    (i32.const 0)))
