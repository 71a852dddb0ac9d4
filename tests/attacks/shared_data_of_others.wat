;; title: Reading another VM's shared data
;; group: isolation
;; limit: none: data belongs to a vm_id
;; stops: answered
;; victim: yes
;;
;; Another plugin keeps the key `secret` under its own vm_id. The same key must not be there for this one.
(module
  (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 64) "secret")
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (if (i32.ne (call $get (i32.const 64) (i32.const 6) (i32.const 16) (i32.const 20) (i32.const 24)) (i32.const 1))
      (then (unreachable)))
    (i32.const 0)))
