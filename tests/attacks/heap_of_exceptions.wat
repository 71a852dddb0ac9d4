;; title: A chain of exceptions
;; group: memory
;; limit: gc_heap_bytes
;; stops: trapped
;; says: gc_heap_bytes
;; limits: gc_heap_bytes=512KiB, fuel=30M
;;
;; A linked list in which no array and no structure takes part: exceptions that carry exceptions. An account
;; that knows only the objects of the GC proposal would not see it.
;;
;; Each turn throws the tag `$t` with the exception caught before and two numbers; `catch_all_ref` gives the
;; new one, which is kept in a global.
;;
;; Envoy 1.40 hangs and held 225 MiB after two seconds.
;;
;; An exception that a guest holds counts as heap: 16 bytes and 8 for each value, 40 here (ExceptionRef in
;; pywasmvm/runtime/refs.py; in the compiled engine exceptions are objects of pywasmvm/_fast/gcheap.pyx). It
;; is charged when it becomes a reference the guest can keep, since one that is only thrown and caught is
;; gone at once, but for that one there must be room, too. After 13,107 of them the 512 KiB of this run are full.
;;
;; There is no separate limit for exceptions: `--limit gc_heap_bytes=` covers them, and the message names it.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (tag $t (param exnref i64 i64))
  (global $keep (mut exnref) (ref.null exn))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $more
      (global.set $keep (block $c (result exnref)
        (try_table (catch_all_ref $c) (throw $t (global.get $keep) (i64.const 1) (i64.const 2)))
        (unreachable)))
      (br $more))
    (i32.const 0)))
