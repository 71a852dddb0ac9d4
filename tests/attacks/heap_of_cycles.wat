;; title: Garbage that refers to itself
;; group: memory
;; limit: fuel
;; stops: trapped
;; limits: gc_heap_bytes=4MiB, fuel=2M
;;
;; Garbage that refers to itself. A host that frees by counting references never frees it, and would either
;; run out of memory or stop a guest that holds nothing.
;;
;; Each structure is made, its first field is set to itself by `struct.set`, and it is forgotten for the next
;; one.
;;
;; Envoy 1.40 hangs in the loop, as in any loop, with 83 MiB: V8's collector has no difficulty with rings.
;;
;; This attack passes if the heap limit does *not* end it: the guest must run until its `fuel` is gone, with
;; 4 MiB of heap. The compiled engine marks and sweeps (pywasmvm/_fast/gcheap.pyx). In the Python engine the
;; objects are Python objects; `GcHeap.check_room` in pywasmvm/runtime/refs.py calls Python's collector when
;; the account is full, and only then decides.
;;
;; So garbage costs collections and not memory. Their time is not charged: with a heap of `--limit
;; gc_heap_bytes=` one collection comes per heap filled, and filling is paid by `fuel`.
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
