;; title: Copying memory onto itself
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; The same with overlapping ranges, which an engine has to copy backwards.
(module
  (memory (export "memory") 16)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l
      (memory.copy (i32.const 1) (i32.const 0) (i32.const 1048575))
      (br $l))
    (i32.const 0)))
