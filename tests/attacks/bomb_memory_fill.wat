;; title: Filling memory, one instruction at a time
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; One instruction, a megabyte of work. Charged like an addition it would buy a million times the work, and
;; any limit on the number of instructions would mean nothing.
;;
;; `memory.fill` from address 0 over 1,048,576 bytes, in an endless loop.
;;
;; Envoy 1.40 counts neither instructions nor bytes; it hangs.
;;
;; A bulk instruction pays one unit for every byte it is asked for, just before it runs and before its bounds
;; are checked (pywasmvm/engine/fuel.py, rule 4): in pywasmvm/engine/python/charges.py for one engine, in the
;; handlers made by pywasmvm/_fast/generate_handlers.py for the other. It is paid first because afterwards
;; the work is done, and before the bounds because a count that is too large must not be a cheap way to learn
;; that.
;;
;; With the laboratory's three million units two fills pass and the third is refused whole: nothing of it is
;; written, so what memory holds is the same everywhere. A byte filled is far cheaper for the host than a
;; unit of branching; `--limit fuel=` errs on the safe side here.
(module
  (memory (export "memory") 16)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l
      (memory.fill (i32.const 0) (i32.const 7) (i32.const 1048576))
      (br $l))
    (i32.const 0)))
