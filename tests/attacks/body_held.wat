;; title: Holding a body without end
;; group: host
;; limit: buffer_bytes
;; stops: answered 413
;; limits: buffer_bytes=64KiB
;; chunks: 100
;; body: 10000
;;
;; The plugin answers Pause to every piece of a body that does not end. What is held is bounded as in Envoy:
;; the client gets 413.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (i32.const 1)))
