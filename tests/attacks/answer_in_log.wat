;; title: Answering in the log callback
;; group: host
;; limit: none: an answer after the end is left out
;; stops: answered
;;
;; proxy_send_local_response in proxy_on_log makes Envoy call proxy_on_log again, until it dies. Here it
;; does nothing and is noted.
(module
  (import "env" "proxy_send_local_response" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_log") (param i32)
    (drop (call $send (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (i32.const 0)))
