;; title: A loop that never ends
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; The oldest attack: branch back to the start of a loop for ever. Whoever shares the worker thread with the
;; plugin is hit; the plugin's own request is the least of it.
;;
;; The whole of it is `(loop $l (br $l))` in proxy_on_request_body. Nothing in WebAssembly forbids it, no
;; memory is used and no host call is made, so there is nothing to notice but time.
;;
;; Envoy 1.40 has no bound on a plugin's work. Its worker never comes back from the callback: this request
;; and the next get no answer, and where it was the only worker, not even SIGTERM ends the process.
;;
;; Here each turn of the loop is a segment in the sense of pywasmvm/engine/fuel.py, paid before it starts.
;; The tank is filled by `Vm._set_limits` in host/pywasmvm_host/vm.py for each call that comes from outside,
;; because that is the only place every callback passes; it runs dry at the same instruction on every machine
;; and both engines. Counting only calls or only host calls would not see this loop at all.
;;
;; What is left: an attacker may spend the whole of `--limit fuel=` in every callback. The default leaves
;; room for heavy filters; one that reads two headers can live with `fuel=1M`. See late_loop for the clock.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l (br $l)) (i32.const 0)))
