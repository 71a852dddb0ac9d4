;; title: Growing a table to the end
;; group: memory
;; limit: table_elements
;; stops: answered
;; limits: table_elements=1M, fuel=100M
;;
;; table.grow until it says no: a reference is eight bytes or a Python object, and a table can hold four
;; billion.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (table $t 1 funcref)
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l
      (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1))))
    (if (i32.gt_u (table.size $t) (i32.const 1000000)) (then (unreachable)))
    (if (i32.lt_u (table.size $t) (i32.const 900000)) (then (unreachable)))
    (i32.const 0)))
