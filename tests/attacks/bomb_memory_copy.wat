;; title: Copying memory onto itself
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; The same with memory.copy, and with ranges that overlap by all but one byte, which an engine has to copy
;; from the end or through a second buffer.
;;
;; `(memory.copy (i32.const 1) (i32.const 0) (i32.const 1048575))`: everything moves up by one. A
;; byte-by-byte copy in the wrong direction would smear byte 0 over all of memory; a temporary buffer would
;; take a megabyte per turn.
;;
;; Envoy 1.40 hangs in the loop.
;;
;; The price is one unit a byte, as for memory.fill, and is taken at the same place (`charge_units` in
;; pywasmvm/engine/python/charges.py, rule 4 of pywasmvm/engine/fuel.py). The two engines share the rule and
;; not the code; pywasmvm/engine/python/support.py has the one, a handler the other.
;;
;; Nothing else is to be set than `--limit fuel=`. A copy between two memories is the same instruction and
;; the same charge. For copies so long that one of them takes noticeable time, see late_bulk.
(module
  (memory (export "memory") 16)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l
      (memory.copy (i32.const 1) (i32.const 0) (i32.const 1048575))
      (br $l))
    (i32.const 0)))
