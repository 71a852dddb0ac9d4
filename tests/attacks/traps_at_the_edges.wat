;; title: Reading past the end of memory
;; group: isolation
;; limit: none: every access is checked
;; stops: trapped
;; says: memory access out of bounds
;;
;; An address and an offset whose sum passes four gigabytes, which would wrap to a small number in thirty-
;; two bits and lie in somebody else's memory in sixty-four.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (i32.load offset=4294967295 (i32.const -1))))
