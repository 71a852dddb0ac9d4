;; title: Headers without number
;; group: host
;; limit: headers
;; stops: answered
;; says: limit headers =
;; limits: headers=200
;;
;; A header is added in a loop. A map is searched from front to back, so a million entries would also make
;; every later look-up slow.
(module
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 64) "x-bomb") (global $status (mut i32) (i32.const 0))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (local $i i32)
    (if (local.get 2) (then (return (i32.const 0))))
    (loop $l
      (global.set $status (call $add (i32.const 0) (i32.const 64) (i32.const 6) (i32.const 64) (i32.const 1)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2000))))
    (if (i32.ne (global.get $status) (i32.const 10)) (then (unreachable)))
    (i32.const 0)))
