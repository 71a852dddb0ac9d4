;; title: Two functions that tail-call each other
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; Running for ever without a loop, a branch or a growing stack. It aims at hosts that bound work by counting
;; backward branches, or that trust a limit on call depth to end everything recursive.
;;
;; `$a` is nothing but `return_call $b`, and `$b` is `return_call $a`. A tail call replaces the frame of its
;; caller, so the depth stays at one however long it goes on.
;;
;; Envoy 1.40 accepts tail calls and hangs.
;;
;; `call_depth` and `value_stack_bytes` never see this; the fuel does, since entering a function costs a unit
;; of its own and the charge is taken at the callee's first segment (pywasmvm/engine/fuel.py, rule 2). It is
;; checked there and not at the call, so a call by reference, through a table or from the host is paid in the
;; same way.
;;
;; In the Python engine a tail call is a loop outside the function, not a nested Python call, so the attack
;; cannot get at Python's own stack either. What remains is `--limit fuel=` units of work.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func $a (result i32) (return_call $b))
  (func $b (result i32) (return_call $a))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (return_call $a)))
