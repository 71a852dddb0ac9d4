;; title: Growing memory to the end
;; group: memory
;; limit: memory_bytes
;; stops: answered
;; limits: memory_bytes=16MiB, fuel=100M
;;
;; memory.grow until it says no, and every page written, so that the pages are really there. The answer at
;; the limit is -1, as for a guest that meets its own maximum: nothing traps. All of it must go back to the
;; system with the VM.
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
