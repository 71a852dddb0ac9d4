;; title: Declaring more memory than there may be
;; group: memory
;; limit: memory_bytes
;; stops: refused
;; says: memory_bytes is 16777216
;; limits: memory_bytes=16MiB
;;
;; To take half a gigabyte before a single instruction runs, from a host that reserves what a module asks
;; for. The other tenants of the machine are hit.
;;
;; `(memory (export "memory") 8192)` asks for 8,192 pages of 64 KiB in the module's head. The code does
;; nothing.
;;
;; Envoy 1.40 loads it and answers; as nobody writes to the pages, its resident memory did not grow. It would
;; when they are written, up to V8's gigabyte.
;;
;; `Memory._setup` in pywasmvm/runtime/memory.py asks `_refuse_size` before it reserves anything, and the
;; module is refused as one that cannot be instantiated. It is not the validator that refuses, because the
;; module is valid; and a second check when memory grows goes through the same function (memory_grow).
;;
;; The default for `memory_bytes` is 1 GiB, like Envoy's: enough for any honest filter and too much for a
;; host with many. `--limit memory_bytes=` or `--memory`; several memories together are store_memory_bytes
;; (memories_many).
(module
  (memory (export "memory") 8192)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
