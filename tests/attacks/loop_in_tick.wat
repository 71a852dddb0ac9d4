;; title: A timer that never ends
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; To burn a worker without any request being there. The loop is in proxy_on_tick, which the host calls by
;; itself, again and again.
;;
;; The request body callback sets a tick of one millisecond by proxy_set_tick_period_milliseconds and returns
;; Pause; then proxy_on_tick loops.
;;
;; Envoy 1.40 hangs: the request is held, the tick never returns, and the next request finds the worker busy.
;;
;; A tick comes through `Vm.call` like a stream's callback and gets the same `fuel`
;; (host/pywasmvm_host/vm.py). It runs on the root context, so `fuel_stream` does not apply to it; over many
;; ticks only `fuel_vm` adds up. After the trap the root is gone with its VM, and its timer does nothing any
;; more (`_tick` in host/pywasmvm_host/context.py looks first).
;;
;; What is left: a tick that spends almost its `fuel` each millisecond is within the rules. Where plugins are
;; strangers, lower `--limit fuel=` and set `fuel_vm`.
(module
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_tick") (param i32) (loop $l (br $l)))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (drop (call $tick (i32.const 1))) (i32.const 1)))
