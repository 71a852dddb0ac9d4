;; title: A body that grows by a megabyte a call
;; group: host
;; limit: http_body_bytes
;; stops: answered
;; says: http_body_bytes
;; limits: http_body_bytes=8MiB
;;
;; To let a small body grow in the proxy by appending to it. The client pays one byte, the proxy megabytes,
;; and the upstream is sent all of it.
;;
;; `proxy_set_buffer_bytes` with start -1, which lies behind any end and so appends, twenty times a million
;; bytes of the guest's memory. After that the body is replaced by a single byte, so that the request itself
;; goes through.
;;
;; Envoy 1.40 appended all twenty (the module trapped because nothing had been refused); its memory was at 99
;; MiB.
;;
;; proxy_set_buffer_bytes in host/pywasmvm_host/calls/buffers.py holds the sum of old and new bytes against
;; `http_body_bytes`, 8 MiB here, before it changes anything, and answers INTERNAL_FAILURE. It is asked
;; there, not where bodies are buffered: what `buffer_bytes` bounds is held *between* callbacks, this is made
;; within one.
;;
;; Replacing is held against the same sum, so a body of half the limit cannot be replaced by another of that
;; size in one call. `copied_bytes` bounds how much can be written over and over. `--limit http_body_bytes=`.
(module
  (import "env" "proxy_set_buffer_bytes" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 17)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32) (local $status i32)
    (loop $l
      (local.set $status (call $set (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 0) (i32.const 1000000)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20))))
    (if (i32.ne (local.get $status) (i32.const 10)) (then (unreachable)))
    (drop (call $set (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 1)))
    (i32.const 0)))
