;; title: A metric with a name of a megabyte
;; group: host
;; limit: name_bytes
;; stops: answered
;; says: limit name_bytes =
;;
;; Names are kept as long as what they name, and are printed in every report.
(module
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 16)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (if (i32.ne (call $define (i32.const 0) (i32.const 64) (i32.const 1000000) (i32.const 32)) (i32.const 10)) (then (unreachable)))
    (i32.const 0)))
