;; title: A flood of log lines
;; group: host
;; limit: log_lines
;; stops: answered
;; says: log_lines
;; limits: log_lines=100
;;
;; The guest logs in a loop. The lines beyond the limit are dropped, the call says so with INTERNAL_FAILURE,
;; and the host notes it once; a guest that logs too much is a nuisance, not a reason to fail a request.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 64) "spam")
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32) (local $refused i32)
    (loop $l
      (if (i32.eq (call $log (i32.const 2) (i32.const 64) (i32.const 4)) (i32.const 10))
        (then (local.set $refused (i32.add (local.get $refused) (i32.const 1)))))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5000))))
    (if (i32.ne (local.get $refused) (i32.const 4900)) (then (unreachable)))
    (i32.const 0)))
