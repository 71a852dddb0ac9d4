;; title: Log lines of a megabyte
;; group: host
;; limit: log_bytes
;; stops: answered
;; says: log_bytes
;; limits: log_bytes=1MiB
;;
;; Few lines, all of memory in each.
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
