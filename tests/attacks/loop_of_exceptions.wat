;; title: Exceptions thrown in circles
;; group: work
;; limit: fuel
;; stops: trapped
;; limits: fuel=200k
;;
;; To make the engine do its dearest work, unwinding, at the guest's cheapest price. The host pays in time
;; for what costs the guest a few units.
;;
;; Inside `(loop $again`, `(throw $t (i32.const 7))` throws to the try_table around it, which catches the tag
;; and branches back. There is no call in it; one frame throws to itself for ever.
;;
;; Envoy 1.40 accepts the exceptions of WebAssembly 3.0 and hangs.
;;
;; A throw ends a segment like a branch (pywasmvm/engine/fuel.py, rule 1), and catching starts a new one that
;; is paid. So the loop ends with its `fuel`. The rule is in the fuel of the code and not in the search for a
;; handler, because then both engines charge the same, though the compiled one searches ranges of words
;; (pywasmvm/_fast/throwing.pyx) and the other raises Python exceptions.
;;
;; Unit for unit this is among the slowest things a guest can do, so the laboratory gives it only 200k units.
;; If that matters to you, put `--limit deadline=` beside the fuel: fuel bounds the work, the deadline bounds
;; the time.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (tag $t (param i32))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $again
      (block $caught (result i32)
        (try_table (catch $t $caught) (throw $t (i32.const 7)))
        (unreachable))
      (drop)
      (br $again))
    (i32.const 0)))
