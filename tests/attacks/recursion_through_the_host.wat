;; title: Recursion through the host
;; group: stack
;; limit: none: the allocator may not call the host
;; stops: trapped
;; says: restricted_callback
;;
;; Recursion that takes a piece of the real stack in every round: guest, host call, guest, host call. Limits
;; on guest frames alone do not see what the host puts between them.
;;
;; The body callback asks for buffer bytes; the host must call `malloc` to hand them over; this `malloc` asks
;; for buffer bytes.
;;
;; Envoy 1.40 forbids it as we do, with the same words: the client gets 503, `Function: malloc failed:
;; Uncaught Error: restricted_callback`.
;;
;; `Vm.allocate` in host/pywasmvm_host/vm.py marks the VM as allocating, and `enter_host_call` refuses every
;; host call that a table of the ABI does not allow there. So the depth is one. The allocator traps, the VM
;; has failed, and the host call outside gives INVALID_MEMORY_ACCESS (6): as in Envoy the guest function
;; around it runs on. The module spins for ever if it sees another status, so that a wrong one would be
;; noticed as missing fuel.
;;
;; There is no limit to set for this. What a guest does after its VM has failed counts against the same
;; `fuel`.
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
