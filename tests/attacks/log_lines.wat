;; title: A flood of log lines
;; group: host
;; limit: log_lines
;; stops: answered
;; says: log_lines
;; limits: log_lines=100
;;
;; A flood of log lines. Disks fill, log services are paid by the line, and what matters drowns.
;;
;; `proxy_log` five thousand times at level info. The module counts the refusals and traps unless there are
;; exactly 4,900.
;;
;; Envoy 1.40 takes all of them.
;;
;; `Budget.log` in host/pywasmvm_host/budget.py counts lines per callback before they are kept. From the
;; hundred-and-first the call gives INTERNAL_FAILURE and nothing is written; the host itself notes once that
;; the limit was reached. A plugin that logs too much is a nuisance and no reason to fail a request, so this
;; limit refuses where `host_calls` ends the plugin.
;;
;; `fd_write` to standard output or error is a log line too and on the same account; it answers EINVAL.
;; `--limit log_lines=`, for long lines log_bytes.
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
