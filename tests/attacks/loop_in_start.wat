;; title: A start section that never ends
;; group: work
;; limit: fuel_start
;; stops: refused
;; says: all fuel consumed
;; limits: fuel_start=1M
;;
;; The start section runs while the module is instantiated, before there is a context, a callback or
;; anything that could be timed from outside. It has the fuel of start-up, no more.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (start $main) (func $main (loop $l (br $l))))
