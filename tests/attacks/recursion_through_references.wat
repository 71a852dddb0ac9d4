;; title: Recursion through a function reference
;; group: stack
;; limit: call_depth
;; stops: trapped
;; says: Maximum call stack size exceeded
;; limits: fuel=100M
;;
;; The same with call_ref.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (type $t (func (param i32) (result i32)))
  (elem declare func $f)
  (func $f (type $t) (i32.add (i32.const 1) (call_ref $t (local.get 0) (ref.func $f))))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (call $f (i32.const 0))))
