;; title: An allocator that never returns
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; To get the host stuck inside its own code. A host that bounds callbacks but calls the allocator in some
;; other way, without a tank, is caught here.
;;
;; The request body is asked for with proxy_get_buffer_bytes. To hand it over the host must call the guest's
;; `malloc`, and that one is `(loop $l (br $l))`. So a guest function runs below a host call that runs below
;; a guest function.
;;
;; Envoy 1.40 hangs: its allocator call is bounded as little as the callback.
;;
;; `Vm.allocate` in host/pywasmvm_host/vm.py calls the allocator by the same `Vm.call` as any export, but
;; only an outermost call gets new fuel (`_set_limits` is skipped when the stack is not empty). The allocator
;; therefore spends the tank of the callback that waits for it; there is no second tank to win by asking for
;; many values. The error names malloc, where the fuel ended, and `fuel`, which is what ended.
;;
;; Nothing to set beyond `--limit fuel=`. What a trap in the allocator means for the callback around it is
;; shown by recursion_through_the_host.
(module
  (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (loop $l (br $l)) (i32.const 0))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (drop (call $bytes (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 16) (i32.const 20)))
    (i32.const 0)))
