;; title: Reading another VM's shared data
;; group: isolation
;; limit: none: data belongs to a vm_id
;; stops: answered
;; victim: yes
;;
;; Reading another VM's shared data. Keys are easy to guess, and the data lives in the host, outside any VM.
;;
;; The victim beside it has stored the key `secret` under its own vm_id. The attacker asks for that key by
;; proxy_get_shared_data and traps unless the answer is NOT_FOUND.
;;
;; Envoy 1.40: NOT_FOUND.
;;
;; SharedData in host/pywasmvm_host/shared.py has (vm_id, key) as the key of its table, and the host call
;; takes the vm_id from the VM that calls, never from the guest. So there is no check that could be
;; forgotten; the wrong entry cannot be named.
;;
;; What *is* shared: plugins with an equal vm_id see each other's data by intention, and queues can be
;; resolved under a foreign vm_id and used by token. The operator separates plugins by giving them different
;; vm_ids.
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
