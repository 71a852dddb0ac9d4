;; title: A loop with all the fuel in the world
;; group: work
;; limit: deadline
;; stops: trapped
;; limits: fuel=none, fuel_stream=none, fuel_vm=none, deadline=30ms
;;
;; The endless loop under a host that does not count fuel, or gave far too much of it. Then only time can
;; stop it.
;;
;; The module is loop_plain; what differs is the head of this file, which lifts `fuel`, `fuel_stream` and
;; `fuel_vm` and sets `deadline` to 30 ms.
;;
;; Envoy 1.40 has no deadline and hangs.
;;
;; The deadline is noticed where fuel is handed out: with a deadline set, the tank is filled in small
;; portions and whoever finds it empty looks at the clock (pywasmvm/runtime/meter.py). A timer thread would
;; need Python's lock to interrupt anybody and a signal belongs to the main thread; this needs neither
;; (RATIONALE.md). The measured overshoot is 0.1 to 1 ms.
;;
;; Where it stops is not the same from run to run; that it stops between two segments is, so nothing is torn.
;; `--limit deadline=` and `--deadline` are the same. Prefer fuel for what must be repeatable and use the
;; deadline as the second line.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l (br $l)) (i32.const 0)))
