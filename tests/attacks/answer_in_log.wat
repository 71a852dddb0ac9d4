;; title: Answering in the log callback
;; group: host
;; limit: none: an answer after the end is left out
;; stops: answered
;;
;; To make the proxy call the plugin from inside the plugin until its stack ends. One plugin kills the
;; process and with it every connection.
;;
;; proxy_on_log calls proxy_send_local_response. At that moment the exchange is over; there is nobody left to
;; answer.
;;
;; Envoy 1.40 ends the stream again, which calls proxy_on_log again, and so on: it dies of SIGSEGV.
;;
;; Here a stream knows that its log has been written. `send_local_response` in host/pywasmvm_host/stream.py
;; looks at the phase before it does anything, notes the mistake as a hazard with what Envoy would do, and
;; the call returns OK, as it would there for the guest. Besides, an answer is never sent from within a guest
;; call: it is deferred until the call has ended (`Vm.defer` in host/pywasmvm_host/vm.py), so even a host
;; that forgot the first check would not recurse.
;;
;; There is no limit to set. The linter reports the same mistake to who writes plugins: `pywasmvm lint`.
(module
  (import "env" "proxy_send_local_response" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_log") (param i32)
    (drop (call $send (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (i32.const 0)))
