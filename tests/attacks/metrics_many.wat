;; title: A metric for every request
;; group: host
;; limit: metrics
;; stops: answered
;; says: limit metrics =
;; limits: metrics=500
;;
;; A new metric for every request. Metrics are never forgotten and their ids never used again, so a name made
;; from a path or a user fills the proxy, slowly and for ever.
;;
;; `proxy_define_metric` with a name that is a counter, two thousand times.
;;
;; Envoy 1.40 defined all of them; its growth has no bound.
;;
;; proxy_define_metric in host/pywasmvm_host/calls/shared.py holds the ids that this VM was given against
;; `metrics`, 500 here, and answers INTERNAL_FAILURE. Ids and not names are counted: a name defined twice
;; gives two ids, as in Envoy, so defining one name for ever would be the same attack with less imagination.
;;
;; A new VM of the same plugin starts with an account of its own; metrics it defines by the same names are
;; found and not made again. `--limit metrics=`, and `name_bytes` for their names.
(module
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32) (local $status i32)
    (loop $l
      (i32.store (i32.const 64) (i32.add (i32.const 0x30303030) (local.get $i)))
      (local.set $status (call $define (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 32)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2000))))
    (if (i32.ne (local.get $status) (i32.const 10)) (then (unreachable)))
    (i32.const 0)))
