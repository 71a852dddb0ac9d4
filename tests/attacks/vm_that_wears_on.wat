;; title: A VM that never has enough
;; group: work
;; limit: fuel_vm
;; stops: trapped
;; limits: fuel=400k, fuel_vm=1M
;; chunks: 1000
;;
;; The same over the whole life of a VM, for hosts that rent one out.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 15000))))
    (i32.const 0)))
