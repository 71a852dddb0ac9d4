;; title: Filling an array for ever
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; Bulk work on the garbage-collected heap: array.fill and array.copy, which came with WebAssembly 3.0 and
;; which a fuel rule written for memories may have missed.
;;
;; One array of 65,536 bytes is made; then it is filled and copied onto itself, shifted by one element, for
;; ever. The heap does not grow, so no limit on memory can help.
;;
;; Envoy 1.40 runs such modules and hangs.
;;
;; array.new and its kind, array.fill, array.copy and array.init are all instructions of the class that pays
;; per unit (pywasmvm/isa has the class in each row, pywasmvm/engine/fuel.py the rule), one unit an element.
;; The class is a column of the table of instructions so that neither engine has a list of its own that could
;; lack one.
;;
;; An element may be up to sixteen bytes wide and costs the same unit. `--limit fuel=` bounds the loop,
;; `gc_heap_bytes` the size of what can be filled.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (type $a (array (mut i8)))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $x (ref $a))
    (local.set $x (array.new_default $a (i32.const 65536)))
    (loop $l
      (array.fill $a (local.get $x) (i32.const 0) (i32.const 7) (i32.const 65536))
      (array.copy $a $a (local.get $x) (i32.const 0) (local.get $x) (i32.const 1) (i32.const 65535))
      (br $l))
    (i32.const 0)))
