;; title: Declaring properties without number
;; group: host
;; limit: definitions
;; stops: answered
;; says: limit definitions =
;; limits: definitions=100
;;
;; The foreign function `declare_property` makes the host remember a name and its type for as long as the
;; context lives. There is nothing to take a declaration back, and expressions that are compiled stay in the
;; same way.
(module
  (import "env" "proxy_call_foreign_function" (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 64) "declare_property") (data (i32.const 96) "\0a\04")
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32) (local $status i32)
    (loop $l
      (i32.store (i32.const 98) (i32.add (i32.const 0x30303030) (local.get $i)))
      (local.set $status (call $call (i32.const 64) (i32.const 16) (i32.const 96) (i32.const 6) (i32.const 32) (i32.const 36)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 500))))
    (if (i32.ne (local.get $status) (i32.const 10)) (then (unreachable)))
    (i32.const 0)))
