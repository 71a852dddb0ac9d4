;; title: Filling the heap with arrays that are kept
;; group: memory
;; limit: gc_heap_bytes
;; stops: trapped
;; says: gc_heap_bytes
;; limits: gc_heap_bytes=16MiB, fuel=100M
;;
;; Arrays of a megabyte, each kept in a list, so that the collector can free none of them.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (type $a (array (mut i8)))
  (type $l (struct (field (ref $a)) (field (ref null $l))))
  (global $keep (mut (ref null $l)) (ref.null $l))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $more
      (global.set $keep (struct.new $l (array.new_default $a (i32.const 1000000)) (global.get $keep)))
      (br $more))
    (i32.const 0)))
