;; title: Garbage that refers to itself
;; group: memory
;; limit: fuel
;; stops: trapped
;; limits: gc_heap_bytes=4MiB, fuel=2M
;;
;; Rings of structures that nobody holds. Counting references never frees them; the heap must stay below its
;; limit all the same, and the guest must run until its fuel ends.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (type $l (struct (field (mut (ref null $l))) (field i64 i64 i64)))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $x (ref null $l))
    (loop $more
      (local.set $x (struct.new $l (ref.null $l) (i64.const 1) (i64.const 2) (i64.const 3)))
      (struct.set $l 0 (local.get $x) (local.get $x))
      (br $more))
    (i32.const 0)))
