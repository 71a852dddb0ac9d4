;; title: Filling a table for ever
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; A hundred thousand references per instruction.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (table $t 100000 funcref)
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l
      (table.fill $t (i32.const 0) (ref.null func) (i32.const 100000))
      (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 99999))
      (br $l))
    (i32.const 0)))
