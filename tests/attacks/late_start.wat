;; title: A start section that takes its time
;; group: work
;; limit: deadline_start
;; stops: refused
;; says: deadline exceeded
;; limits: fuel_start=none, fuel_vm=none, deadline_start=30ms
;;
;; The start section has fuel enough for minutes. The clock of start-up runs for it, too.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (start $main) (func $main (loop $l (br $l))))
