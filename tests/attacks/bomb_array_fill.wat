;; title: Filling an array for ever
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; The same on the garbage-collected heap.
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
