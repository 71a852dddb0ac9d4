;; title: A stream that spends a little each time
;; group: work
;; limit: fuel_stream
;; stops: trapped
;; limits: fuel=200k, fuel_stream=1M
;; chunks: 1000
;;
;; To stay below the limit of one callback and spend without bound all the same, by causing many callbacks.
;; Slow uploads are common, so nobody notices the traffic.
;;
;; The client sends its body in a thousand pieces of one byte. For each, proxy_on_request_body counts to
;; 15,000, which costs 105,002 units, about half of the 200k that a callback is given here.
;;
;; Envoy 1.40 has neither bound; what it cannot do is answer before the thousand pieces are through, and it
;; did not within the two seconds it was given.
;;
;; `Vm._allowance` in host/pywasmvm_host/vm.py gives a callback the least of what it may have, what is left
;; for its stream, and what is left for its VM. What was spent is added to the context after the call, so the
;; tenth piece finds too little in a stream's million. It is kept with the context, not with the VM, because
;; the next stream should not pay for this one.
;;
;; The trap names fuel_stream. Set it by `--limit fuel_stream=` to what your largest honest upload needs; the
;; root context (ticks, answers) has no stream and is bounded by `fuel_vm` only.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 15000))))
    (i32.const 0)))
