;; title: Compressed zeroes
;; group: host
;; limit: none: the function has a bound of its own
;; stops: answered
;;
;; The foreign function `uncompress` is given a thousand bytes that become a megabyte, and again. What it
;; may produce is bounded, and what comes out must fit the guest's own memory.
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
