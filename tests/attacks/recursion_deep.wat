;; title: Recursion without an end
;; group: stack
;; limit: call_depth
;; stops: trapped
;; says: Maximum call stack size exceeded
;; limits: fuel=100M
;;
;; A function that calls itself. The engines' frames are not the machine's, so the machine's stack is in no
;; danger; the depth is a number.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func $f (param i32) (result i32) (i32.add (i32.const 1) (call $f (local.get 0))))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (call $f (i32.const 0))))
