;; title: A chain of exceptions
;; group: memory
;; limit: gc_heap_bytes
;; stops: trapped
;; says: gc_heap_bytes
;; limits: gc_heap_bytes=512KiB, fuel=30M
;;
;; An exception may carry a reference to another one, and a guest can keep them: a linked list that no array
;; or structure takes part in. It counts as heap.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (tag $t (param exnref i64 i64))
  (global $keep (mut exnref) (ref.null exn))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $more
      (global.set $keep (block $c (result exnref)
        (try_table (catch_all_ref $c) (throw $t (global.get $keep) (i64.const 1) (i64.const 2)))
        (unreachable)))
      (br $more))
    (i32.const 0)))
