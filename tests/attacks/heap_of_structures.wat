;; title: Filling the heap with small structures
;; group: memory
;; limit: gc_heap_bytes
;; stops: trapped
;; says: gc_heap_bytes
;; limits: gc_heap_bytes=4MiB, fuel=100M
;;
;; A linked list of the smallest structures there are: what counts is what an object costs besides its
;; fields, and freeing a long chain must not need a deep stack.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (type $l (struct (field (ref null $l))))
  (global $keep (mut (ref null $l)) (ref.null $l))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $more
      (global.set $keep (struct.new $l (global.get $keep)))
      (br $more))
    (i32.const 0)))
