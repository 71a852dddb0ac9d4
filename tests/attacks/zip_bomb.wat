;; title: Compressed zeroes
;; group: host
;; limit: none: the function has a bound of its own
;; stops: answered
;;
;; Compressed zeros: the guest hands over a thousand bytes and the host makes a megabyte of them, as often as
;; it is asked.
;;
;; A million bytes of memory, nearly all zero, go through the foreign function `compress`; what comes out is
;; given to `uncompress` twenty times.
;;
;; Envoy 1.40 does it twenty times and answers.
;;
;; `_uncompress` in host/pywasmvm_host/calls/foreign.py gives zlib a bound, MAX_UNCOMPRESSED or 64 MiB; what
;; is not finished by then is a SERIALIZATION_FAILURE. The bound is in the call of zlib, since afterwards it
;; would be too late. What comes out must also fit the guest's memory, is counted in `copied_bytes` when it
;; is written there, and needs the guest's allocator to find the room.
;;
;; So a bomb costs the host 64 MiB for a moment and a failed call, and `host_calls` and `copied_bytes` bound
;; how often. The time zlib takes is not cut (docs/isolation.md). The function's own bound is no option.
(module
  (import "env" "proxy_call_foreign_function" (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 40)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1310720))
  (data (i32.const 64) "compressuncompress")
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32)
    (if (call $call (i32.const 64) (i32.const 8) (i32.const 0) (i32.const 1000000) (i32.const 32) (i32.const 36)) (then (unreachable)))
    (memory.copy (i32.const 1048576) (i32.load (i32.const 32)) (i32.load (i32.const 36)))
    (loop $l
      (if (call $call (i32.const 72) (i32.const 10) (i32.const 1048576) (i32.load (i32.const 36)) (i32.const 40) (i32.const 44)) (then (unreachable)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20))))
    (i32.const 0)))
