;; title: Acting on another plugin's contexts
;; group: isolation
;; limit: none: ids belong to one VM
;; stops: answered
;; victim: yes
;;
;; Acting in the name of another plugin's streams. Contexts have small numbers that are easy to guess.
;;
;; `proxy_set_effective_context` with every id from 1 to 2,000. Only the plugin's own root and its own stream
;; may be accepted, whose ids it noted in proxy_on_context_create; any other trap.
;;
;; Envoy 1.40 accepts no other either.
;;
;; `Vm.set_effective` in host/pywasmvm_host/vm.py looks the id up among the contexts of this VM. Ids are
;; numbers within a VM, so the victim's may be equal to one's own; it is the table they are looked up in that
;; separates them, and no guest can name another's table.
;;
;; Plugins that share a VM (same vm_id, VM configuration and code) share the table: there one may act on the
;; other's contexts, in Envoy and here. That is no boundary; different vm_ids are.
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
