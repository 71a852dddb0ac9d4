;; title: Declaring a table of two billion elements
;; group: memory
;; limit: table_elements
;; stops: refused
;; says: table_elements is 1000000
;; limits: table_elements=1M
;;
;; Sixteen gigabytes of references, asked for in five bytes.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (table 2000000000 funcref))
