;; title: Making garbage as fast as possible
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; Each array of sixty-four kilobytes is dropped at once, so the heap never fills; what suffers is the
;; collector, and the pages that are cleared for every new array. array.new pays for its elements.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (type $a (array (mut i8)))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l
      (drop (array.new_default $a (i32.const 65536)))
      (br $l))
    (i32.const 0)))
