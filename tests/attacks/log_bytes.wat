;; title: Log lines of a megabyte
;; group: host
;; limit: log_bytes
;; stops: answered
;; says: log_bytes
;; limits: log_bytes=1MiB
;;
;; Few lines, nearly all of memory in each: what a limit on lines misses.
;;
;; `proxy_log` with a million bytes, fifty-one times, and the last status must be INTERNAL_FAILURE.
;;
;; Envoy 1.40 logged every one.
;;
;; `Budget.log` in host/pywasmvm_host/budget.py keeps a second counter, for bytes. One line fits the mebibyte
;; of this run, the second does not and is dropped whole; half a line would look like a whole one. A short
;; line may still pass afterwards if there is room for it.
;;
;; The bytes have been copied out of the guest when this is asked, and have paid for it in `copied_bytes`. To
;; set: `--limit log_bytes=`.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 16)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32)
    (loop $l
      (drop (call $log (i32.const 2) (i32.const 0) (i32.const 1000000)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 50))))
    (if (i32.ne (call $log (i32.const 2) (i32.const 0) (i32.const 1000000)) (i32.const 10)) (then (unreachable)))
    (i32.const 0)))
