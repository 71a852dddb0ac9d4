;; title: Three functions that call each other through a table
;; group: stack
;; limit: call_depth
;; stops: trapped
;; says: Maximum call stack size exceeded
;; limits: fuel=100M
;;
;; The same depth by a circle that no single function shows: three functions that call each other through a
;; table. An analysis of the direct calls finds no recursion here.
;;
;; `$a` calls entry 1, `$b` entry 2, `$c` entry 0, each by `call_indirect`.
;;
;; Envoy 1.40: 503 with V8's `Maximum call stack size exceeded`, next request served.
;;
;; The depth is counted where a function is entered and not where it is called
;; (pywasmvm/engine/python/edge.py, `max_depth` in the compiled engine), so the way into it makes no
;; difference. Nothing tries to find recursion in advance; honest programs are recursive, too.
;;
;; With the default `call_depth` this ends after 10,000 frames and 49,998 units of fuel, long before a fuel
;; limit would end it. `--limit call_depth=` is what to set.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (type $t (func (param i32) (result i32)))
  (table funcref (elem $a $b $c))
  (func $a (type $t) (i32.add (i32.const 1) (call_indirect (type $t) (local.get 0) (i32.const 1))))
  (func $b (type $t) (i32.add (i32.const 1) (call_indirect (type $t) (local.get 0) (i32.const 2))))
  (func $c (type $t) (i32.add (i32.const 1) (call_indirect (type $t) (local.get 0) (i32.const 0))))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (call $a (i32.const 0))))
