;; title: Making the host copy memory
;; group: host
;; limit: copied_bytes
;; stops: trapped
;; says: copied_bytes
;; limits: copied_bytes=16MiB
;;
;; Few host calls, each with a megabyte for the host to copy. A limit on the number of calls would let a
;; hundred thousand megabytes pass.
;;
;; `proxy_set_property` with a value of 1,048,576 bytes in an endless loop. The property is refused every
;; time, but to know its bytes the host has copied them out of the guest's memory already.
;;
;; Envoy 1.40 hangs in the loop.
;;
;; `GuestMemory.read` and `write` in host/pywasmvm_host/guestmem.py tell the budget of every byte before they
;; copy it, and `Budget.copy` in host/pywasmvm_host/budget.py raises LimitError at `copied_bytes`, 16 MiB
;; here: the sixteenth call ends the plugin. It fails and is not refused, because a guest that ignores
;; statuses would go on costing the same. All host calls pass these two functions, WASI as well, so no call
;; can be without it.
;;
;; What the host looks up for itself, for a trap's report say, is read with `peek` and charged to nobody.
;; `--limit copied_bytes=`, per callback.
(module
  (import "env" "proxy_set_property" (func $set (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 32)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l (drop (call $set (i32.const 0) (i32.const 4) (i32.const 64) (i32.const 1048576))) (br $l))
    (i32.const 0)))
