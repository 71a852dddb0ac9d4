;; title: Exceptions thrown in circles
;; group: work
;; limit: fuel
;; stops: trapped
;; limits: fuel=200k
;;
;; Every turn throws an exception and catches it in the handler around the loop, which goes round again.
;; Unwinding costs an engine far more than a branch; the guest pays for the throw like for any instruction.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (tag $t (param i32))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $again
      (block $caught (result i32)
        (try_table (catch $t $caught) (throw $t (i32.const 7)))
        (unreachable))
      (drop)
      (br $again))
    (i32.const 0)))
