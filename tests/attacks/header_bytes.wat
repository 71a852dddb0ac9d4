;; title: Headers of a megabyte
;; group: host
;; limit: header_bytes
;; stops: answered
;; says: limit header_bytes =
;; limits: header_bytes=64KiB
;;
;; The value joined to an inline header again and again doubles what it costs to copy it: cookie by cookie
;; the map grows until the limit.
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
