;; title: Looking for another VM's data in fresh memory
;; group: isolation
;; limit: none: new memory is zero
;; stops: answered
;; limits: memory_bytes=16MiB, fuel=100M
;; victim: yes
;;
;; Memory that is grown must read as zero, also when another VM wrote to the same pages of the machine
;; before and has gone. So must new arrays.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (type $a (array (mut i64)))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $p i32) (local $x (ref $a))
    (drop (memory.grow (i32.const 30)))
    (local.set $p (i32.const 65536))
    (loop $l
      (if (i64.ne (i64.load (local.get $p)) (i64.const 0)) (then (unreachable)))
      (br_if $l (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 8))) (i32.const 2031608))))
    (local.set $x (array.new_default $a (i32.const 10000)))
    (local.set $p (i32.const 0))
    (loop $l
      (if (i64.ne (array.get $a (local.get $x) (local.get $p)) (i64.const 0)) (then (unreachable)))
      (br_if $l (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 1))) (i32.const 10000))))
    (i32.const 0)))
