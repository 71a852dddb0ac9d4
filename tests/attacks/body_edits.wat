;; title: A body that doubles
;; group: host
;; limit: http_body_bytes
;; stops: answered
;; says: http_body_bytes
;; limits: http_body_bytes=8MiB
;;
;; Each call appends a megabyte to the request's body.
(module
  (import "env" "proxy_set_buffer_bytes" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 17)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32) (local $status i32)
    (loop $l
      (local.set $status (call $set (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 0) (i32.const 1000000)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20))))
    (if (i32.ne (local.get $status) (i32.const 10)) (then (unreachable)))
    (drop (call $set (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 1)))
    (i32.const 0)))
