;; title: Calling the host for ever
;; group: host
;; limit: host_calls
;; stops: trapped
;; says: host_calls
;; limits: host_calls=20k, fuel=100M
;;
;; Calling the host for ever. A call costs the guest a handful of fuel and the host a thousand times that, so
;; fuel alone is the wrong price.
;;
;; `proxy_get_current_time_nanoseconds` in a loop; the cheapest call there is.
;;
;; Envoy 1.40 hangs.
;;
;; `Budget.host_call` in host/pywasmvm_host/budget.py counts, and `Vm.enter_host_call` asks it for every
;; call, Proxy-Wasm or WASI, before its parameters are read. At `host_calls`, 20,000 here, LimitError ends
;; the guest. The counter starts anew with each call from outside (`Budget.start`): it belongs to the
;; callback, and what the allocator or a nested callback does is on the same account.
;;
;; Fuel was set to 100M in this run, so that it does not end the loop first. Hundreds of calls per callback
;; are normal, tens of thousands are not: `--limit host_calls=`.
(module
  (import "env" "proxy_get_current_time_nanoseconds" (func $time (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l (drop (call $time (i32.const 32))) (br $l))
    (i32.const 0)))
