;; title: One array larger than the heap
;; group: memory
;; limit: gc_heap_bytes
;; stops: trapped
;; says: gc_heap_bytes
;; limits: gc_heap_bytes=16MiB, fuel=none, fuel_stream=none, fuel_vm=none
;;
;; Four billion elements of eight bytes: the size must be computed without wrapping, and refused before
;; anything is allocated.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (type $a (array (mut i64)))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (drop (array.new_default $a (i32.const -1)))
    (i32.const 0)))
