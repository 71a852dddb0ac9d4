;; title: Shared data under ever new keys
;; group: host
;; limit: shared_data_bytes
;; stops: answered
;; says: shared_data_bytes
;; limits: shared_data_bytes=64KiB
;;
;; Shared data under ever new keys. The ABI has no call that forgets a key, and the data outlives the VM that
;; wrote it, so nothing a failure policy does will free it.
;;
;; `proxy_set_shared_data` two thousand times; the key is a counter, the value a hundred bytes.
;;
;; Envoy 1.40 stores everything.
;;
;; proxy_set_shared_data in host/pywasmvm_host/calls/shared.py asks host/pywasmvm_host/shared.py by how much
;; the data would grow and refuses above `shared_data_bytes`. The sum is kept per vm_id, because that is who
;; can read the data and because VMs come and go. An entry weighs 64 bytes besides key and value, or many
;; empty ones would pass for nothing.
;;
;; Writing a smaller value under an old key makes room again. Plugins with the same vm_id share the account,
;; as they share the data. `--limit shared_data_bytes=`.
(module
  (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32) (local $status i32)
    (loop $l
      (i32.store (i32.const 64) (local.get $i))
      (local.set $status (call $set (i32.const 64) (i32.const 4) (i32.const 64) (i32.const 100) (i32.const 0)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2000))))
    (if (i32.ne (local.get $status) (i32.const 10)) (then (unreachable)))
    (i32.const 0)))
