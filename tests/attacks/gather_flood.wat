;; title: One write made of eight thousand overlapping pieces
;; group: host
;; limit: copied_bytes
;; stops: trapped
;; says: copied_bytes
;; limits: copied_bytes=16MiB
;;
;; One call that is worth eight thousand. A list of pieces makes it possible to name the same bytes again and
;; again.
;;
;; The module writes 8,000 pairs of (0, 65536) into memory and calls `fd_write` once: eight thousand times
;; the first page, more than five hundred megabytes to join into one line of the log.
;;
;; Envoy 1.40 does it: 710 MiB of memory, and no answer within two seconds.
;;
;; `fd_write` in host/pywasmvm_host/calls/wasi.py reads piece by piece through
;; host/pywasmvm_host/guestmem.py, which counts every byte before it is copied. At 16 MiB of `copied_bytes`
;; the join is given up with LimitError, long before there is a line whose length `log_bytes` could refuse.
;; Counting the list's own bytes, or the size of memory, as a bound would have missed that pieces may
;; overlap.
;;
;; Up to the limit the host does hold the pieces. `--limit copied_bytes=` is therefore also the largest line
;; that can come into being for a moment.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32)
    (loop $l
      (i32.store (i32.add (i32.const 65536) (i32.mul (local.get $i) (i32.const 8))) (i32.const 0))
      (i32.store (i32.add (i32.const 65540) (i32.mul (local.get $i) (i32.const 8))) (i32.const 65536))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 8000))))
    (drop (call $write (i32.const 1) (i32.const 65536) (i32.const 8000) (i32.const 131064)))
    (i32.const 0)))
