;; title: Many tables, each within its limit
;; group: memory
;; limit: store_table_elements
;; stops: refused
;; says: store_table_elements is 2000000
;; limits: table_elements=1M, store_table_elements=2M
;;
;; A module may declare as many tables as it likes. Each is small enough; the store counts them together.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (table 900000 funcref)
  (table 900000 funcref)
  (table 900000 funcref)
  (table 900000 funcref))
