;; title: A VM that never has enough
;; group: work
;; limit: fuel_vm
;; stops: trapped
;; limits: fuel=400k, fuel_vm=1M
;; chunks: 1000
;;
;; For hosts that rent out VMs: a guest that never does anything wrong and never has enough.
;;
;; The code is that of many_cheap_callbacks. The limits differ: here the life of a VM is bounded, to a
;; million units, while a stream is not bounded below that.
;;
;; Envoy 1.40 accounts for no work at all, neither per VM nor per plugin.
;;
;; `self.spent` in host/pywasmvm_host/vm.py adds up the fuel of every outermost call of a VM, and
;; `_allowance` gives no more than is left of `fuel_vm`. When it is used up, the VM fails with the limit in
;; the message; under FAIL_RELOAD a new VM starts with a new account. It is a bound on one VM, not a bill:
;; whoever rents should keep the sum over the VMs.
;;
;; The default is 10**15 units, which no plugin should meet by accident. `--limit fuel_vm=` is the knob.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 15000))))
    (i32.const 0)))
