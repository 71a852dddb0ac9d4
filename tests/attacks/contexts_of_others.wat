;; title: Acting on another plugin's contexts
;; group: isolation
;; limit: none: ids belong to one VM
;; stops: answered
;; victim: yes
;;
;; The guest tries two thousand context ids. Only its own root and its own streams may answer; those of the
;; other plugin, in another VM, do not exist for it.
(module
  (import "env" "proxy_set_effective_context" (func $act (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (global $root (mut i32) (i32.const 0)) (global $own (mut i32) (i32.const 0))
  (func (export "proxy_on_context_create") (param i32 i32)
    (if (local.get 1) (then (global.set $own (local.get 0))) (else (global.set $root (local.get 0)))))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32)
    (loop $l
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (if (i32.eqz (call $act (local.get $i)))
        (then (if (i32.eqz (i32.or (i32.eq (local.get $i) (global.get $root)) (i32.eq (local.get $i) (global.get $own))))
          (then (unreachable)))))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 2000))))
    (drop (call $act (i32.const 0)))
    (i32.const 0)))
