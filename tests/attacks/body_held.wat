;; title: Holding a body without end
;; group: host
;; limit: buffer_bytes
;; stops: answered 413
;; limits: buffer_bytes=64KiB
;; chunks: 100
;; body: 10000
;;
;; To make the proxy keep a body that does not end. Whoever can send requests decides how much memory is
;; held, the plugin only has to say Pause.
;;
;; proxy_on_request_body returns 1 to each of a hundred pieces of ten thousand bytes and never lets go.
;;
;; Envoy 1.40 bounds this, too: past its connection buffer limit the client gets 413 `Payload Too Large`. In
;; the laboratory's run its limit is the usual mebibyte, which this body does not pass, so it holds the
;; request and the client waits.
;;
;; `buffer_bytes` is 64 KiB in this run. What is held is counted where a direction of a stream buffers it, in
;; host/pywasmvm_host/chain.py, and `too_large` there answers 413 for a request and cuts a response whose
;; head has gone out. No host call is refused, since the plugin made none; it is the one limit whose end is
;; an answer to the client.
;;
;; `--limit buffer_bytes=` corresponds to Envoy's per_connection_buffer_limit_bytes. It bounds one body; how
;; many streams there are is for the listener to bound.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (i32.const 1)))
