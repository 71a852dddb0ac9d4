;; title: Recursion without an end
;; group: stack
;; limit: call_depth
;; stops: trapped
;; says: Maximum call stack size exceeded
;; limits: fuel=100M
;;
;; Recursion without an end, to overflow the stack of the machine. In a host whose guest frames are native
;; frames without a guard that is a crash of the whole process.
;;
;; `$f` calls itself and adds one to what comes back, so it is no tail call and every frame must be kept.
;;
;; Envoy 1.40 stands it: V8 throws `Maximum call stack size exceeded`, the client gets 503, the next request
;; is served by a new VM.
;;
;; Here depth is a number. The compiled engine keeps guest frames in an array of its own and counts them
;; (`max_depth`, set in pywasmvm/_fast/core.pyx). In the Python engine a guest call is a Python call; each
;; frame knows how many may follow (Level in pywasmvm/engine/python/edge.py), and pywasmvm/runtime/depth.py
;; makes room in Python's own limit while a guest runs. The count is at function entry, the one place all
;; kinds of call share.
;;
;; The error is CallStackExhausted with `call_depth` in it, and Envoy's words around it. 10,000 calls are the
;; default; `--limit call_depth=` can be raised, not lifted: something must be there to allocate.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func $f (param i32) (result i32) (i32.add (i32.const 1) (call $f (local.get 0))))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (call $f (i32.const 0))))
