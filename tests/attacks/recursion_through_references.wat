;; title: Recursion through a function reference
;; group: stack
;; limit: call_depth
;; stops: trapped
;; says: Maximum call stack size exceeded
;; limits: fuel=100M
;;
;; Depth by way of a typed function reference: the call instruction that came last into the standard and is
;; most easily forgotten.
;;
;; `(call_ref $t (local.get 0) (ref.func $f))` inside `$f`. There is no table, and no index that could be
;; looked at beforehand.
;;
;; Envoy 1.40: 503, `Maximum call stack size exceeded`, next request served.
;;
;; `call_ref` ends in the same entry of a function as `call` and `call_indirect`, where `call_depth` is
;; counted (pywasmvm/engine/python/edge.py and pywasmvm/_fast/core.pyx). The attack is here so that this
;; stays so: an engine that gave references a short way of their own would lose the count.
;;
;; A reference to a *host* function enters no guest frame; what such a function calls in turn is nested in
;; the same count, see recursion_through_the_host. The knob is `--limit call_depth=`.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (type $t (func (param i32) (result i32)))
  (elem declare func $f)
  (func $f (type $t) (i32.add (i32.const 1) (call_ref $t (local.get 0) (ref.func $f))))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (call $f (i32.const 0))))
