;; title: One exception thrown again and again
;; group: work
;; limit: fuel
;; stops: trapped
;; limits: fuel=1M
;;
;; The exception is caught as a reference and thrown again from deep inside fifty calls, so each round
;; unwinds them all.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (tag $t)
  (func $deep (param i32) (param $e exnref)
    (if (local.get 0)
      (then (call $deep (i32.sub (local.get 0) (i32.const 1)) (local.get $e)))
      (else (throw_ref (local.get $e)))))
  (func $first (result exnref) (block $c (result exnref) (try_table (catch_all_ref $c) (throw $t)) (unreachable)))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $e exnref)
    (local.set $e (call $first))
    (loop $again
      (local.set $e (block $c (result exnref)
        (try_table (catch_all_ref $c) (call $deep (i32.const 50) (local.get $e)))
        (unreachable)))
      (br $again))
    (i32.const 0)))
