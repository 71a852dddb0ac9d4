;; title: Asking for all of memory at once
;; group: memory
;; limit: memory_bytes
;; stops: answered
;; limits: memory_bytes=16MiB
;;
;; Four gigabytes in one instruction, then a negative number of pages, then sums that wrap around. All are
;; refused, and refusal costs nothing.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (if (i32.ne (memory.grow (i32.const 65535)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (memory.grow (i32.const -1)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (memory.grow (i32.const 0x80000000)) (i32.const -1)) (then (unreachable)))
    (i32.const 0)))
