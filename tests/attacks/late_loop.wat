;; title: A loop with all the fuel in the world
;; group: work
;; limit: deadline
;; stops: trapped
;; limits: fuel=none, fuel_stream=none, fuel_vm=none, deadline=30ms
;;
;; The same endless loop under a host that does not want to count fuel, or gave far too much of it: the
;; clock stops it. Where it stops is not the same from run to run; that it stops is. The guest is asked
;; between segments, so nothing is torn.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l (br $l)) (i32.const 0)))
