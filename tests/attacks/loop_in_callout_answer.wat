;; title: An answer callback that never ends
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; To loop at a moment for which no request seems responsible: when the answer of a call to another cluster
;; arrives. The request that made the call waits; the others on the worker wait with it.
;;
;; proxy_on_request_body makes a proxy_http_call and returns Pause. proxy_on_http_call_response is an endless
;; loop; the host calls it on the root context when the answer, or its failure, has come.
;;
;; Envoy 1.40 hangs. A mere trap in that callback already leaves the paused request hanging there until the
;; client goes.
;;
;; Here the callback has `fuel` of its own, given in `Vm._set_limits` (host/pywasmvm_host/vm.py), and runs
;; dry like any other. What is not mended is the request it had paused: as in Envoy nobody continues it, and
;; its client waits for its own timeout. The worker is free meanwhile.
;;
;; The callback belongs to the root context, so its work is not on the account of the stream that caused it;
;; `callouts` bounds how many answers can be under way, and `fuel_vm` the sum. Both are `--limit` options.
(module
  (import "env" "proxy_http_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 64) "up")
  (data (i32.const 128) "\03\00\00\00\07\00\00\00\04\00\00\00\05\00\00\00\01\00\00\00\0a\00\00\00\01\00\00\00:method\00POST\00:path\00/\00:authority\00a\00")
  (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32) (loop $l (br $l)))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (drop (call $call (i32.const 64) (i32.const 2) (i32.const 128) (i32.const 62) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 32)))
    (i32.const 1)))
