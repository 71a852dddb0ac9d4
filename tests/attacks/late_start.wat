;; title: A start section that takes its time
;; group: work
;; limit: deadline_start
;; stops: refused
;; says: deadline exceeded
;; limits: fuel_start=none, fuel_vm=none, deadline_start=30ms
;;
;; To keep a start-up busy for as long as it likes where fuel for starting was lifted, perhaps because a
;; large Go filter did not fit the default.
;;
;; The start section runs an endless loop, as in loop_in_start; `fuel_start` and `fuel_vm` are none, and
;; `deadline_start` is 30 ms.
;;
;; Envoy 1.40 hangs while it starts.
;;
;; `Vm._make_linker` in host/pywasmvm_host/vm.py makes the store with `deadline_start` as its deadline, so
;; the clock runs before the first instruction of the guest. It is a different limit from `deadline` because
;; a start that takes two seconds is normal and a request callback that does is not; `_set_limits` changes
;; from the one to the other.
;;
;; It counts for each call of the start-up by itself: the start section, `_initialize`, proxy_on_vm_start,
;; proxy_on_configure. To bound their sum use `fuel_start`; to bound each, `--limit deadline_start=`.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (start $main) (func $main (loop $l (br $l))))
