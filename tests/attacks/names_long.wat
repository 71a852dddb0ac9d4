;; title: A metric with a name of a megabyte
;; group: host
;; limit: name_bytes
;; stops: answered
;; says: limit name_bytes =
;;
;; A metric with a name of a megabyte. Names are kept as long as what they name and are printed by every
;; report, so a handful is enough to make the statistics unusable.
;;
;; One proxy_define_metric with 1,000,000 bytes of memory as the name.
;;
;; Envoy 1.40 accepted it.
;;
;; `name_bytes` is 4,096 by default and is asked first of all in host/pywasmvm_host/calls/shared.py, for
;; metrics, queues and keys of shared data alike, in properties.py for the path of a property and in
;; foreign.py for one that is declared. The answer is INTERNAL_FAILURE. Without it a limit such as `metrics`
;; would be a number times anything.
;;
;; The counted bytes are the guest's, before any decoding. `--limit name_bytes=`; 255 is plenty for most.
(module
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 16)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (if (i32.ne (call $define (i32.const 0) (i32.const 64) (i32.const 1000000) (i32.const 32)) (i32.const 10)) (then (unreachable)))
    (i32.const 0)))
