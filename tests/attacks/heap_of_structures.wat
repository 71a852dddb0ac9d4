;; title: Filling the heap with small structures
;; group: memory
;; limit: gc_heap_bytes
;; stops: trapped
;; says: gc_heap_bytes
;; limits: gc_heap_bytes=4MiB, fuel=100M
;;
;; Filling the heap with the smallest objects there are. A limit that counts only fields would take this list
;; for almost nothing, and freeing a long chain is a trap of its own for a collector that recurses.
;;
;; `(struct.new $l (global.get $keep))` in a loop: a list of structures with one field.
;;
;; Envoy 1.40 hangs; it had 438 MiB after two seconds.
;;
;; Each structure is charged 24 bytes, 16 of them for being there (OBJECT_HEADER_BYTES in
;; pywasmvm/runtime/refs.py, the same number in the compiled engine). So 4 MiB end after 174,762 of them, in
;; both engines. The compiled engine takes blocks for cells of one size; those are bounded as well, to twice
;; the limit and 4 MiB, or a guest could make each size take the limit anew (`add_block` in
;; pywasmvm/_fast/gcheap.pyx).
;;
;; When the VM is dropped the chain is freed without recursion; the next request is served by a new one. To
;; set: `--limit gc_heap_bytes=`.
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
