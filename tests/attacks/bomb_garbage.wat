;; title: Making garbage as fast as possible
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; Making garbage as fast as possible. The heap never fills, since every array is dropped at once; what
;; suffers is the collector, and the memory that must be cleared for every new array.
;;
;; `(drop (array.new_default $a (i32.const 65536)))` in a loop: sixty-four kilobytes of zeros each, never
;; looked at.
;;
;; Envoy 1.40 hangs. V8's own collector keeps up: its memory was at 81 MiB when the laboratory ended it.
;;
;; array.new_default pays one unit per element before it allocates (pywasmvm/engine/fuel.py, rule 4), so the
;; sum of what is ever allocated is bounded by `fuel`, whatever `gc_heap_bytes` allows at a time. The
;; compiled engine collects when its account reaches a threshold (pywasmvm/_fast/gcheap.pyx), the Python
;; engine frees each array with its last reference.
;;
;; What a collection costs is not charged to the guest. It is bounded by what is alive, which is bounded by
;; `--limit gc_heap_bytes=`; lower that one if collections take too long for you.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (type $a (array (mut i8)))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l
      (drop (array.new_default $a (i32.const 65536)))
      (br $l))
    (i32.const 0)))
