;; title: Three functions that call each other through a table
;; group: stack
;; limit: call_depth
;; stops: trapped
;; says: Maximum call stack size exceeded
;; limits: fuel=100M
;;
;; The circle goes through call_indirect and is not visible in any single function.
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
