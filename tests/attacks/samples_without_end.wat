;; title: A histogram fed for ever
;; group: host
;; limit: none: a histogram keeps its newest samples
;; stops: answered
;;
;; A histogram that is fed for ever. Proxies keep a sketch of fixed size; a host made for tests is tempted to
;; keep every sample.
;;
;; One histogram, and `proxy_record_metric` twenty thousand times.
;;
;; Envoy 1.40 is not troubled, since it keeps a sketch.
;;
;; VmMetricIds.record in host/pywasmvm_host/shared.py keeps the newest samples: when there are twice
;; KEPT_SAMPLES the older half is dropped, so the list never has more than 200,000 numbers. Refusing further
;; samples would have been the worse choice, as a test that looks at the end of a long run wants the end. The
;; twenty thousand of this run all fit; what it shows is that they go with the world and that nothing is
;; refused.
;;
;; Their number per callback is bounded by `host_calls`, the number of histograms by `metrics`. There is
;; nothing else to set.
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
