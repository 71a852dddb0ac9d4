;; title: Asking for all of memory at once
;; group: memory
;; limit: memory_bytes
;; stops: answered
;; limits: memory_bytes=16MiB
;;
;; Requests for memory that no machine has, in the hope that some sum wraps around and a small number passes
;; the check.
;;
;; `memory.grow` by 65,535 pages, which with the one there is makes exactly four gigabytes; by -1, which as
;; an unsigned number is four billion pages; and by 0x80000000. Each must give -1 and leave the size alone;
;; if not, the module traps.
;;
;; Envoy 1.40 refuses all three as well.
;;
;; The operand is an unsigned number here and Python's integers do not wrap, so `Memory.may_grow` in
;; pywasmvm/runtime/memory.py adds pages, multiplies by the page size and compares, without a special case.
;; The address space of the memory is one of its bounds, `memory_bytes` another. Growing is done by the same
;; Python function for both engines, since it is rare and asks the system anyway.
;;
;; Refusing costs neither memory nor fuel besides the instruction, so trying again and again is a plain loop.
;; `--limit memory_bytes=` is what decides.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (if (i32.ne (memory.grow (i32.const 65535)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (memory.grow (i32.const -1)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (memory.grow (i32.const 0x80000000)) (i32.const -1)) (then (unreachable)))
    (i32.const 0)))
