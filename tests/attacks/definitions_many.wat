;; title: Declaring properties without number
;; group: host
;; limit: definitions
;; stops: answered
;; says: limit definitions =
;; limits: definitions=100
;;
;; Declaring properties without number: `declare_property` makes the host remember a name and its type, and
;; there is no call to take a declaration back.
;;
;; `proxy_call_foreign_function` with the name `declare_property` and a message of six bytes, in which four
;; digits count up, five hundred times.
;;
;; Envoy 1.40 accepted all five hundred. Compiled expressions (`expr_create`) stay in the same way as long as
;; nobody deletes them.
;;
;; `_declare_property` in host/pywasmvm_host/calls/foreign.py counts what the context has declared before it
;; adds to it, and refuses above `definitions`, 100 here; host/pywasmvm_host/calls/expressions.py asks the
;; same limit. They are counted with their owner, so what a stream declares goes with the stream.
;;
;; A name that was declared before is an error of the call and takes no room. `--limit definitions=`; for the
;; length of a name `name_bytes`.
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
