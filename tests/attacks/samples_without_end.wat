;; title: A histogram fed for ever
;; group: host
;; limit: none: a histogram keeps its newest samples
;; stops: answered
;;
;; A histogram keeps samples; a real proxy keeps a sketch of fixed size. Here the oldest fall out.
(module
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_record_metric" (func $record (param i32 i64) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32)
    (drop (call $define (i32.const 2) (i32.const 64) (i32.const 4) (i32.const 32)))
    (loop $l
      (drop (call $record (i32.load (i32.const 32)) (i64.const 7)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20000))))
    (i32.const 0)))
