;; title: Looking for another VM's data in fresh memory
;; group: isolation
;; limit: none: new memory is zero
;; stops: answered
;; limits: memory_bytes=16MiB, fuel=100M
;; victim: yes
;;
;; Looking for another plugin's data in memory that is new. An allocator that hands out used pages hands out
;; secrets with them.
;;
;; Beside this plugin runs a victim in a VM of its own that has written to a megabyte of its memory. The
;; attacker grows by thirty pages, reads them word by word, makes an array with array.new_default and reads
;; that. Anything but zero traps.
;;
;; Envoy 1.40 gives zeros as well.
;;
;; Pages of a memory come from the system by mmap or, where that is not possible, from a buffer that is made
;; zero (pywasmvm/runtime/vmem.py); a memory that goes returns them. Arrays are allocated zeroed, or made as
;; new lists (pywasmvm/_fast/gcheap.pyx). When cells of the heap are used again, they belong to the same
;; store, thus to the same VM.
;;
;; A snapshot that is restored brings back the guest's own bytes and nobody else's. What remains is what
;; caches and timing give away: see the end of docs/isolation.md.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (type $a (array (mut i64)))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $p i32) (local $x (ref $a))
    (drop (memory.grow (i32.const 30)))
    (local.set $p (i32.const 65536))
    (loop $l
      (if (i64.ne (i64.load (local.get $p)) (i64.const 0)) (then (unreachable)))
      (br_if $l (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 8))) (i32.const 2031608))))
    (local.set $x (array.new_default $a (i32.const 10000)))
    (local.set $p (i32.const 0))
    (loop $l
      (if (i64.ne (array.get $a (local.get $x) (local.get $p)) (i64.const 0)) (then (unreachable)))
      (br_if $l (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 1))) (i32.const 10000))))
    (i32.const 0)))
