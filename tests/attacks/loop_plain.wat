;; title: A loop that never ends
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; The oldest attack: branch back to the start of the loop for ever. Nothing in WebAssembly forbids it, and
;; a proxy that runs it on its worker thread serves nobody else. Every turn of the loop is a segment that is
;; paid before it starts, so the tank runs dry at the same instruction on every machine and engine.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l (br $l)) (i32.const 0)))
