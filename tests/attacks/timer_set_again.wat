;; title: Setting the timer again and again
;; group: host
;; limit: none: what is cancelled is forgotten
;; stops: answered
;;
;; Setting the timer again and again. There is only one tick per plugin, so no limit seems to be needed; but
;; what becomes of the timers it replaces?
;;
;; `proxy_set_tick_period_milliseconds` with 4,294,967,295, nearly fifty days, twenty thousand times, and
;; finally 0.
;;
;; Envoy 1.40 has no difficulty with it.
;;
;; A host with an agenda that only marks a timer as cancelled keeps all twenty thousand until their time has
;; come. World in host/pywasmvm_host/world.py marks them, too, but tidies the agenda when it has become twice
;; as long as after the last time, and a thousand at least. The clean-up is there and not in `cancel`,
;; because removing one entry from the middle of a heap costs more than clearing many.
;;
;; No limit is involved; `timers` bounds how many plugins of one VM have a tick, which a plugin by itself
;; cannot pass. The proof is that the process is as small afterwards as before.
(module
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32)
    (loop $l
      (drop (call $tick (i32.const -1)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20000))))
    (drop (call $tick (i32.const 0)))
    (i32.const 0)))
