;; title: Initialising memory from a segment for ever
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; Copying a passive segment into memory, over and over: the bulk instruction with the smallest pieces.
;;
;; `(memory.init $d (i32.const 0) (i32.const 0) (i32.const 64))` in a loop, sixty-four bytes a turn. It asks
;; whether small bulk operations are paid at all, or only large ones; a rule such as "a unit per page" would
;; make these free.
;;
;; Envoy 1.40 hangs.
;;
;; Rule 4 of pywasmvm/engine/fuel.py charges per byte from the first on, beside the share in the segment, so
;; the loop ends within a few units of its tank: 2,999,988 of 3,000,000 here. Compare bomb_memory_fill, which
;; leaves a third unspent because the next step is too dear.
;;
;; The segment itself was bounded when the module was loaded (`module_bytes`), and data.drop would make it
;; empty. The operator sets `--limit fuel=`.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data $d "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l
      (memory.init $d (i32.const 0) (i32.const 0) (i32.const 64))
      (br $l))
    (i32.const 0)))
