;; title: One write made of ten thousand overlapping pieces
;; group: host
;; limit: copied_bytes
;; stops: trapped
;; says: copied_bytes
;; limits: copied_bytes=16MiB
;;
;; fd_write takes a list of pieces, and all of them may be the same: ten thousand times all of memory, in
;; one call, would be six hundred megabytes of log line.
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
