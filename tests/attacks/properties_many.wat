;; title: Properties without number
;; group: host
;; limit: property_bytes
;; stops: answered
;; says: property_bytes
;; limits: property_bytes=64KiB
;;
;; To pile up state on a stream. What a plugin sets as a property stays until the log has been written, and
;; every filter of the chain can see it.
;;
;; `proxy_set_property` under a thousand different names with values of a hundred bytes.
;;
;; Envoy 1.40 kept them all.
;;
;; proxy_set_property in host/pywasmvm_host/calls/properties.py adds up names and values of all that is set
;; on the stream, by whatever plugin, and refuses above `property_bytes`, 64 KiB here. It belongs to the
;; stream and not to the VM since that is what keeps the values; they go with it.
;;
;; Since plugins of one chain share the sum, a greedy one can leave nothing for the next. If you run a plugin
;; you trust less, give it a lower limit than the others: `--limit property_bytes=`, or per plugin in the
;; configuration (docs/limits.md).
(module
  (import "env" "proxy_set_property" (func $set (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32) (local $status i32)
    (loop $l
      (i32.store (i32.const 64) (i32.add (i32.const 0x30303030) (local.get $i)))
      (local.set $status (call $set (i32.const 64) (i32.const 4) (i32.const 64) (i32.const 100)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
    (if (i32.ne (local.get $status) (i32.const 10)) (then (unreachable)))
    (i32.const 0)))
