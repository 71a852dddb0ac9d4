;; title: Bulk instructions with all the fuel in the world
;; group: work
;; limit: deadline
;; stops: trapped
;; limits: fuel=none, fuel_stream=none, fuel_vm=none, deadline=30ms
;;
;; Where a deadline is missed by most: single instructions that run for milliseconds. A host that looks at
;; the clock only between instructions is late by one of them, and they can be made as long as memory is
;; large.
;;
;; `memory.fill` over sixteen megabytes, then `memory.copy` of the same less a byte, in a loop without a fuel
;; limit. The deadline is 30 ms.
;;
;; Envoy 1.40 has no deadline to miss, and hangs.
;;
;; Long work is cut into steps with a look at the deadline after each: a megabyte in the compiled engine
;; (STEP in pywasmvm/_fast/machine.pxd), `pieces` in pywasmvm/engine/python/support.py. A fill that is
;; stopped half-way has written its first steps; that is visible only to a host that looks into the memory of
;; a failed VM.
;;
;; With the usual `fuel` this never gets that far, since a byte is a unit. `--limit deadline=` matters for
;; hosts that lift it. Time inside one host call is not cut (docs/isolation.md); its sizes are bounded
;; instead.
(module
  (memory (export "memory") 256)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l
      (memory.fill (i32.const 0) (i32.const 7) (i32.const 16777216))
      (memory.copy (i32.const 1) (i32.const 0) (i32.const 16777215))
      (br $l))
    (i32.const 0)))
