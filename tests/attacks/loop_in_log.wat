;; title: A log callback that never ends
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; An attack nobody who measures requests will see: the client has its answer before the plugin begins to
;; loop. Those hit are the next clients of the same worker.
;;
;; proxy_on_request_body only sets the global `$seen`; proxy_on_log loops if it is set. proxy_on_log runs
;; when the exchange is over.
;;
;; Envoy 1.40 answers this request with 200 and does not answer the next: its worker is in the log callback
;; for good.
;;
;; Every callback gets a tank of `fuel` in `Vm._set_limits` (host/pywasmvm_host/vm.py), the late ones too. The
;; trap is recorded, the response stays as it was, and the VM is failed and replaced as the failure policy
;; says.
;;
;; What the callback spends also counts for `fuel_stream`, so a plugin cannot save its appetite for the end.
;; Operators who look only at latency should look at the records' fuel: `pywasmvm profile` shows it per
;; callback, proxy_on_log among them.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (global $seen (mut i32) (i32.const 0))
  (func (export "proxy_on_log") (param i32) (if (global.get $seen) (then (loop $l (br $l)))))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (global.set $seen (i32.const 1)) (i32.const 0)))
