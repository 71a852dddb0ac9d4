;; title: Bulk instructions with all the fuel in the world
;; group: work
;; limit: deadline
;; stops: trapped
;; limits: fuel=none, fuel_stream=none, fuel_vm=none, deadline=30ms
;;
;; Sixteen megabytes are filled by one instruction and copied by the next, for ever. An instruction that
;; runs for milliseconds is where a deadline is missed by most, so long ones look at the clock on their way.
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
