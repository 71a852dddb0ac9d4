;; title: Many memories, each within its limit
;; group: memory
;; limit: store_memory_bytes
;; stops: refused
;; says: store_memory_bytes is 67108864
;; limits: memory_bytes=16MiB, store_memory_bytes=64MiB
;;
;; To pass a limit on memory by having more than one. Several memories in a module are allowed since
;; WebAssembly 3.0, and a limit per memory says nothing about their sum.
;;
;; Six memories of 256 pages each: every one has the 16 MiB that `memory_bytes` allows here, together they
;; are 96 MiB.
;;
;; Envoy 1.40 loads it and answers. Untouched pages cost it nothing yet.
;;
;; `Memory._refuse_size` in pywasmvm/runtime/memory.py also adds up what all memories of the store have. The
;; fifth would make 80 MiB where `store_memory_bytes` is 64 MiB, so the module is refused at that one, and
;; what was made for the four before it goes with the store. The sum belongs to the store because a VM is one
;; store: memories of other instances in it count as well.
;;
;; The same sum is asked at every memory.grow. `--limit store_memory_bytes=` should be at least
;; `memory_bytes`; for plugins made by today's compilers, which use one memory, the two may be equal.
(module
  (memory (export "memory") 256)
  (memory 256)
  (memory 256)
  (memory 256)
  (memory 256)
  (memory 256)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
