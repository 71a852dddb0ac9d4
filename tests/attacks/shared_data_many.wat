;; title: Shared data under ever new keys
;; group: host
;; limit: shared_data_bytes
;; stops: answered
;; says: shared_data_bytes
;; limits: shared_data_bytes=64KiB
;;
;; There is no call that forgets shared data. It outlives the VM that wrote it, so it is bounded per vm_id.
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
