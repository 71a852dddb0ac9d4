;; title: One array larger than the heap
;; group: memory
;; limit: gc_heap_bytes
;; stops: trapped
;; says: gc_heap_bytes
;; limits: gc_heap_bytes=16MiB, fuel=none, fuel_stream=none, fuel_vm=none
;;
;; One array that is larger than every limit, in one instruction. It looks for a size computed in thirty-two
;; bits, and for hosts that allocate first and check afterwards.
;;
;; `(array.new_default $a (i32.const -1))` with elements of eight bytes: 4,294,967,295 elements,
;; 34,359,738,376 bytes with the head. Fuel is unlimited in this run, or the charge per element would end it
;; first.
;;
;; Envoy 1.40 handles it well: V8 traps with `requested new array is too large`, the client gets 503, the
;; next request is served.
;;
;; The size is computed in Python's integers (`GcHeap.array_nbytes` in pywasmvm/runtime/refs.py) or in 64
;; bits, where 2**32 elements of 16 bytes still fit, and held against the account before anything is built;
;; check_room exists for exactly that.
;;
;; With the default `fuel` the guest is out of fuel before it comes to the heap, which is as good an end.
;; `--limit gc_heap_bytes=` bounds the rest.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (type $a (array (mut i64)))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (drop (array.new_default $a (i32.const -1)))
    (i32.const 0)))
