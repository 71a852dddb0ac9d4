;; title: Headers of half a megabyte
;; group: host
;; limit: header_bytes
;; stops: answered
;; says: limit header_bytes =
;; limits: header_bytes=64KiB
;;
;; Headers that are few and large. A limit on their number alone would let fifty entries of ten thousand
;; bytes pass.
;;
;; A value of ten thousand bytes is added fifty times, half a megabyte in all, as `x-bomb`.
;;
;; Envoy 1.40 took all fifty.
;;
;; The same `_check_room` in host/pywasmvm_host/calls/header_maps.py adds up names and values of the map with
;; what is to come; the seventh does not fit the 64 KiB of this run and gets INTERNAL_FAILURE. A replacement
;; is counted as if the old value stayed, which errs on the safe side by one entry.
;;
;; The sum is computed anew each time, so the price of an addition grows with the map, which `headers`
;; bounds. Most upstreams refuse heads above a few dozen kilobytes by themselves: `--limit header_bytes=` may
;; be near that.
(module
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 64) "x-bomb") (global $status (mut i32) (i32.const 0))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (local $i i32)
    (if (local.get 2) (then (return (i32.const 0))))
    (memory.fill (i32.const 1024) (i32.const 0x61) (i32.const 10000))
    (loop $l
      (global.set $status (call $add (i32.const 0) (i32.const 64) (i32.const 6) (i32.const 1024) (i32.const 10000)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 50))))
    (if (i32.ne (global.get $status) (i32.const 10)) (then (unreachable)))
    (i32.const 0)))
