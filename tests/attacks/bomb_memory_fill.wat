;; title: Filling memory, one instruction at a time
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; A memory.fill of a megabyte is one instruction. Charged as one, it would buy a million times the work of
;; an addition; so bulk instructions pay for every byte, before they run.
(module
  (memory (export "memory") 16)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l
      (memory.fill (i32.const 0) (i32.const 7) (i32.const 1048576))
      (br $l))
    (i32.const 0)))
