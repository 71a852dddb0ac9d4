;; title: Calls to other clusters without number
;; group: host
;; limit: callouts
;; stops: answered
;; says: limit callouts =
;; limits: callouts=50
;;
;; The proxy as an amplifier: one request of a client becomes hundreds to a service inside. That service is
;; the victim, and the proxy's memory for calls under way.
;;
;; proxy_http_call to the cluster `up`, two hundred times in one callback.
;;
;; Envoy 1.40 sent them all.
;;
;; `Vm.check_callouts` in host/pywasmvm_host/vm.py counts what a root context has under way: HTTP, gRPC,
;; Redis and DNS together, so that no kind can be used to get round the others. The fifty-first gets
;; INTERNAL_FAILURE, the limit is noted once, and the plugin runs on. Each host call that starts one asks it
;; (host/pywasmvm_host/calls/callouts.py, grpc.py and others), before anything is sent.
;;
;; It bounds how many are open at a time and not how many in all: a plugin that waits for its answers may go
;; on, and spends `fuel` for it. `--limit callouts=`; a plugin that should make none at all has its
;; capabilities cut instead.
(module
  (import "env" "proxy_http_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 64) "up")
  (data (i32.const 128) "\03\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\01\00\00\00\0a\00\00\00\01\00\00\00:method\00GET\00:path\00/\00:authority\00a\00")
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32) (local $status i32)
    (loop $l
      (local.set $status (call $call (i32.const 64) (i32.const 2) (i32.const 128) (i32.const 61) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 32)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 200))))
    (if (i32.ne (local.get $status) (i32.const 10)) (then (unreachable)))
    (i32.const 0)))
