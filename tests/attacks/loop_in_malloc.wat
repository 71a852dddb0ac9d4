;; title: An allocator that never returns
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; The host must call the guest's malloc to hand a value over. This one loops, so the host is stuck inside
;; its own host call. The allocator spends the fuel of the callback that waits for it: there is no second
;; tank.
(module
  (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (loop $l (br $l)) (i32.const 0))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (drop (call $bytes (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 16) (i32.const 20)))
    (i32.const 0)))
