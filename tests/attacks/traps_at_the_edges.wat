;; title: Reading past the end of memory
;; group: isolation
;; limit: none: every access is checked
;; stops: trapped
;; says: memory access out of bounds
;;
;; Reading past the end of memory, by a sum that wraps. In thirty-two bits it would become a small address;
;; in sixty-four without a check it lies in somebody else's memory.
;;
;; `(i32.load offset=4294967295 (i32.const -1))`: address and offset are the largest there are, their sum is
;; close to eight gigabytes.
;;
;; Envoy 1.40 traps as it should: 503, `memory access out of bounds`, and the next request is served.
;;
;; Address and offset are added in 64 bits, where they cannot wrap, and held against the current size of the
;; memory at each access: in the handlers that pywasmvm/_fast/generate_handlers.py makes, and in the source
;; that pywasmvm/engine/python/lower_memory.py writes. Guard pages of the system are not relied on, so a
;; build without them is as safe. The size is read each time, because a host call in between may have grown
;; the memory.
;;
;; There is nothing to set. Pointers that go to the *host* are another way out, attacked by
;; `pointers_of_host_calls`.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (i32.load offset=4294967295 (i32.const -1))))
