;; title: Filling the heap with arrays that are kept
;; group: memory
;; limit: gc_heap_bytes
;; stops: trapped
;; says: gc_heap_bytes
;; limits: gc_heap_bytes=16MiB, fuel=100M
;;
;; To fill the garbage-collected heap with objects that the collector must keep. Without a limit it is the
;; process that runs out of memory, not the guest.
;;
;; Arrays of a million bytes; each is put into a structure that refers to the one before, and the newest is
;; in a global. So all are alive.
;;
;; Envoy 1.40 hangs in the loop, and held 544 MiB after two seconds.
;;
;; Each allocation is charged to the heap's account first: 16 bytes an object, 8 a field, an element's own
;; width. In the Python engine the account is GcHeap in pywasmvm/runtime/refs.py, in the compiled one
;; pywasmvm/_fast/gcheap.pyx, and they count alike so that the same allocation is the last in both. At the
;; limit the engine collects once; if that does not help the call ends with LimitError. There is no -1 an
;; allocation could return, so this limit fails the plugin where that on memory does not.
;;
;; The account is not what the machine gives: the Python engine may use several times as much
;; (docs/isolation.md). Plugins of today need no such heap at all: `--limit gc_heap_bytes=1MiB` hurts none
;; that was built by Go, Rust or C++.
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
