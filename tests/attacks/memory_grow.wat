;; title: Growing memory to the end
;; group: memory
;; limit: memory_bytes
;; stops: answered
;; limits: memory_bytes=16MiB, fuel=100M
;;
;; To take memory page by page while it runs, and to touch every page so that the machine must really provide
;; it.
;;
;; `memory.grow` by one page until the answer is -1; in between `memory.fill` writes the newest page. At the
;; end the module checks that it got 256 pages, the 16 MiB it is allowed here, and no more.
;;
;; Envoy 1.40 lets it go on to V8's bound of 16,384 pages: 1,101 MiB resident when the module, finding more
;; than 256 pages, trapped by itself.
;;
;; `Memory.may_grow` in pywasmvm/runtime/memory.py holds each growth against `memory_bytes`. At the limit the
;; guest gets -1, as for its own declared maximum, and nothing traps: a program that can do with less memory
;; may go on. A growth that is refused costs no fuel (RATIONALE.md), one that succeeds a unit per page.
;;
;; The bytes are a mapping of their own (pywasmvm/runtime/vmem.py) and go back to the system with the VM, not
;; before: WebAssembly cannot shrink a memory. Set `--limit memory_bytes=` with the number of VMs in mind;
;; plugins with different vm_ids each have their own.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $n i32)
    (loop $l
      (memory.fill (i32.mul (i32.sub (memory.size) (i32.const 1)) (i32.const 65536)) (i32.const 7) (i32.const 65536))
      (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (if (i32.ne (memory.size) (i32.const 256)) (then (unreachable)))
    (i32.const 0)))
