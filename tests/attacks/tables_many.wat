;; title: Many tables, each within its limit
;; group: memory
;; limit: store_table_elements
;; stops: refused
;; says: store_table_elements is 2000000
;; limits: table_elements=1M, store_table_elements=2M
;;
;; As many tables as it likes, each within its limit. The limit per table is no bound on the sum, just as
;; with memories.
;;
;; Four tables of 900,000 elements. A table may have a million here, all together two million.
;;
;; Envoy 1.40 accepts the module, and its resident memory rises to 325 MiB; other attacks leave it near 80.
;; Tables are filled when they are made, so these cost at once.
;;
;; `_refuse_total` in pywasmvm/runtime/table.py adds what the store's living tables hold. The third one would
;; make 2,700,000 and is refused, and with it the module. The sum is computed from the tables and not kept as
;; a counter, so a table that is gone cannot be counted any longer.
;;
;; `--limit store_table_elements=`; the entries of the section itself are bounded by `entries`, so nobody can
;; declare a million empty tables either.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (table 900000 funcref)
  (table 900000 funcref)
  (table 900000 funcref)
  (table 900000 funcref))
