;; title: A log callback that never ends
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; The client has its answer when proxy_on_log runs, so the request looks fine; the worker is busy for ever
;; after.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (global $seen (mut i32) (i32.const 0))
  (func (export "proxy_on_log") (param i32) (if (global.get $seen) (then (loop $l (br $l)))))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (global.set $seen (i32.const 1)) (i32.const 0)))
