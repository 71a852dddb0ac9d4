;; title: Calling the host for ever
;; group: host
;; limit: host_calls
;; stops: trapped
;; says: host_calls
;; limits: host_calls=20k, fuel=100M
;;
;; A host call costs the guest a handful of fuel and the host a thousand times that. So calls are counted by
;; themselves.
(module
  (import "env" "proxy_get_current_time_nanoseconds" (func $time (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l (drop (call $time (i32.const 32))) (br $l))
    (i32.const 0)))
