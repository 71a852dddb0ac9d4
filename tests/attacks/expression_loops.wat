;; title: Loops within loops in an expression
;; group: host
;; limit: expression_steps
;; stops: trapped
;; limits: expression_steps=5k
;; needs: celpy
;;
;; To let the host count to a million in one host call. Expressions in CEL have no endless loops, but loops
;; within loops: six of ten turns each are a million, and the guest pays for two calls.
;;
;; `expr_create` compiles six nested `map`s over lists of ten, 300 bytes; `expr_evaluate` runs them. In the
;; innermost a regular expression is matched whose backtracking would take exponential time. No clock that
;; looks between host calls would see any of this.
;;
;; Envoy 1.40 evaluates it: the request took 1.0 s, in which that worker served nobody. Another level would
;; take ten times as long. Its regular expressions are RE2's.
;;
;; `Steps` in host/pywasmvm_host/calls/celsteps.py counts each visit of a node, a step per byte that is
;; compiled, a step per 64 bytes that a function looks at, and for `matches` the length of the text times
;; the size of RE2's program; it takes them from the budget of the callback before the work is done, and looks
;; at the deadline every eight. At `expression_steps`, 5,000 here, LimitError ends the guest.
;;
;; Expressions of real plugins take less than a hundred steps a request; `--limit expression_steps=`.
(module
  (import "env" "proxy_call_foreign_function"
    (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 16) "expr_create")
  (data (i32.const 32) "expr_evaluate")
  (data (i32.const 2048) "[1,2,3,4,5,6,7,8,9,0].map(a,[1,2,3,4,5,6,7,8,9,0].map(b,[1,2,3,4,5,6,7,8,9,0].map(c,")
  (data (i32.const 2132) "[1,2,3,4,5,6,7,8,9,0].map(d,[1,2,3,4,5,6,7,8,9,0].map(e,[1,2,3,4,5,6,7,8,9,0].map(f,")
  (data (i32.const 2216) "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.matches('(a*)*b')))))))")
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (drop (call $foreign (i32.const 16) (i32.const 11) (i32.const 2048) (i32.const 234) (i32.const 64) (i32.const 68)))
    (drop (call $foreign (i32.const 32) (i32.const 13) (i32.load (i32.const 64)) (i32.const 4) (i32.const 64) (i32.const 68)))
    (i32.const 0)))
