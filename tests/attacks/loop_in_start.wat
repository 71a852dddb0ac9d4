;; title: A start section that never ends
;; group: work
;; limit: fuel_start
;; stops: refused
;; says: all fuel consumed
;; limits: fuel_start=1M
;;
;; To hang the proxy while it reads its configuration. The operator who rolls out the plugin is hit, and with
;; a bad moment also everybody who waits for the new configuration.
;;
;; A `start` section names `$main`, and `$main` is an endless loop. It runs inside instantiation: there is no
;; context yet, no callback, no request whose patience could end.
;;
;; Envoy 1.40 hangs while it starts; the laboratory gave it eight seconds and ended it.
;;
;; `Vm._instantiate` in host/pywasmvm_host/vm.py puts `fuel_start` into the tank before it instantiates, not
;; after, because instantiation is the guest's first chance to run. The result is no trap of a running plugin
;; but a refusal to load, with the words Envoy uses for a start section that traps, and no VM is left over to
;; retry.
;;
;; Start-up has a limit of its own because filters built by Go spend much in it: `--limit fuel_start=`. The
;; clock beside it is `deadline_start` (late_start). A plugin that loads is still allowed that much work each
;; time its VM is made anew, so give the reload a back-off.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (start $main) (func $main (loop $l (br $l))))
