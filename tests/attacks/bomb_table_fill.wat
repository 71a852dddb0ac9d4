;; title: Filling a table for ever
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; Bulk work on references instead of bytes. For a host written in Python each element may be an object, so a
;; table is the dearest thing to fill.
;;
;; `table.fill` sets 100,000 elements and `table.copy` moves 99,999 of them up by one, in an endless loop.
;;
;; Envoy 1.40 hangs.
;;
;; One unit per element, before bounds are looked at (pywasmvm/engine/fuel.py, rule 4). The compiled engine
;; does it in pywasmvm/_fast/bulk.pyx in steps with a look at the clock, the Python engine in slices
;; (`pieces` in pywasmvm/engine/python/support.py), so also a `deadline` is noticed in between.
;;
;; How large the table may be is another matter (table_declared, table_grow). The loop is stopped by `--limit
;; fuel=`.
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
