;; title: A header list with a lying count
;; group: host
;; limit: none: a malformed list reads as empty
;; stops: answered
;; says: malformed header list
;;
;; A serialised list of headers with a count or a length that the bytes do not hold. A host that allocates by
;; the count, or reads by the length, is lost.
;;
;; Two calls of proxy_send_local_response with sixteen bytes of headers each. The first list says that it has
;; four billion entries; the second says one entry, with a name and a value of four billion bytes.
;;
;; Envoy 1.40 answers: it reads what is malformed as an empty list.
;;
;; `pairs_problem` in host/pywasmvm_host/abi/pairs.py goes over count, lengths and the NULs behind the
;; entries, by the bytes that are there, before anything is built; more than 1,024 entries or a mebibyte are
;; refused as in Envoy. host/pywasmvm_host/machine.py then passes an empty list, or with a strict profile
;; BAD_ARGUMENT, and notes the mistake as a hazard with what is wrong.
;;
;; An empty list can do harm of its own: given to proxy_set_header_map_pairs it wipes the map. That is why it
;; is said aloud. Nothing to set.
(module
  (import "env" "proxy_send_local_response" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 64) "\ff\ff\ff\ff\01\00\00\00\01\00\00\00a\00b\00")
  (data (i32.const 96) "\01\00\00\00\ff\ff\ff\ff\ff\ff\ff\ffa\00b\00")
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (drop (call $send (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 16) (i32.const -1)))
    (drop (call $send (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 96) (i32.const 16) (i32.const -1)))
    (i32.const 1)))
