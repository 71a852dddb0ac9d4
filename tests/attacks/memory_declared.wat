;; title: Declaring more memory than there may be
;; group: memory
;; limit: memory_bytes
;; stops: refused
;; says: memory_bytes is 16777216
;; limits: memory_bytes=16MiB
;;
;; The module asks for half a gigabyte before a single instruction runs. It is refused while it is
;; instantiated, and nothing is reserved for it.
(module
  (memory (export "memory") 8192)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
