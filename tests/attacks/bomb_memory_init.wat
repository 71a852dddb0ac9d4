;; title: Initialising memory from a segment for ever
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; A passive segment copied over and over.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data $d "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l
      (memory.init $d (i32.const 0) (i32.const 0) (i32.const 64))
      (br $l))
    (i32.const 0)))
