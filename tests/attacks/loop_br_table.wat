;; title: A loop whose branch is a table
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; The branch back goes through br_table, with the loop as its default and as every other target. An engine
;; that charges only plain branches would let it spin.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l (br_table $l $l $l (i32.const 1))) (i32.const 0)))
