;; title: Two functions that tail-call each other
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; No loop, no branch and no growing stack: return_call replaces the frame each time, so neither a limit on
;; depth nor one on the stack ever sees it. The fuel does.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func $a (result i32) (return_call $b))
  (func $b (result i32) (return_call $a))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (return_call $a)))
