;; title: Growing a table to the end
;; group: memory
;; limit: table_elements
;; stops: answered
;; limits: table_elements=1M, fuel=100M
;;
;; Growing a table in steps until it says no. What a declaration may not have, a program might get by asking
;; often.
;;
;; `table.grow` by 10,000 null references in a loop until it gives -1. Then the module checks that it got
;; close to the million it is allowed here and not more.
;;
;; Envoy 1.40 went past a million: about two seconds and 544 MiB, after which the module trapped by its own
;; check.
;;
;; `Table.may_grow` in pywasmvm/runtime/table.py asks the type's maximum, `table_elements` and the sum over
;; the store. As with memory the guest gets -1 and goes on. Each element that is added costs a unit of fuel
;; (`growth_units`), and long growth is done in pieces with a look at the deadline.
;;
;; An element is eight bytes in the compiled engine, and a slot of a list in the Python engine. What an
;; element refers to is not counted with it: functions exist anyway, objects are on the heap's account
;; (`gc_heap_bytes`). To set: `--limit table_elements=`.
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
