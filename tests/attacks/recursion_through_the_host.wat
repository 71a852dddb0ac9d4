;; title: Recursion through the host
;; group: stack
;; limit: none: the allocator may not call the host
;; stops: trapped
;; says: restricted_callback
;;
;; The guest asks for a value, the host calls malloc, malloc asks for a value ... Each round would take a
;; piece of the real stack. The host forbids host calls from the allocator: the first one traps there, the
;; host call outside gives INVALID_MEMORY_ACCESS, and the VM has failed.
(module
  (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (drop (call $bytes (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 16) (i32.const 20)))
    (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (if (i32.ne (call $bytes (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 16) (i32.const 20)) (i32.const 6))
      (then (loop $never (br $never))))
    (i32.const 0)))
