;; title: Making the host copy memory
;; group: host
;; limit: copied_bytes
;; stops: trapped
;; says: copied_bytes
;; limits: copied_bytes=16MiB
;;
;; Few calls, each with a megabyte for the host to copy out of memory: sixty-four calls would move as much
;; as the guest could write itself with all its fuel.
(module
  (import "env" "proxy_set_property" (func $set (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 32)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l (drop (call $set (i32.const 0) (i32.const 4) (i32.const 64) (i32.const 1048576))) (br $l))
    (i32.const 0)))
