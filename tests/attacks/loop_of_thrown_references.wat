;; title: One exception thrown again and again
;; group: work
;; limit: fuel
;; stops: trapped
;; limits: fuel=1M
;;
;; A dearer form of loop_of_exceptions: one exception, kept as a reference, is thrown again and again from
;; fifty calls deep, so that each round unwinds fifty frames.
;;
;; `$first` throws and keeps what it caught (`catch_all_ref`). Then `$deep` calls itself fifty times, and the
;; innermost does `throw_ref`; the try_table around the outermost catches, and the loop goes on. If unwinding
;; were quadratic in the depth, or copied the exception in each frame, this would show it.
;;
;; Envoy 1.40 hangs.
;;
;; What is paid are the fifty calls and the throw, by the rules of pywasmvm/engine/fuel.py; the unwinding
;; itself is not charged per frame. It need not be: every frame that is unwound has been entered, and
;; entering it was paid. That is why the charge is where frames begin.
;;
;; The reference is on the heap's account while the guest holds it, but there is only one: heap_of_exceptions
;; attacks that side. To set: `--limit fuel=`, and `call_depth` for how deep each throw may be.
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
