;; title: Many memories, each within its limit
;; group: memory
;; limit: store_memory_bytes
;; stops: refused
;; says: store_memory_bytes is 67108864
;; limits: memory_bytes=16MiB, store_memory_bytes=64MiB
;;
;; Each of the six memories is allowed by itself; together they pass what the store may have.
(module
  (memory (export "memory") 256)
  (memory 256)
  (memory 256)
  (memory 256)
  (memory 256)
  (memory 256)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
