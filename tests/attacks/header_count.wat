;; title: Headers without number
;; group: host
;; limit: headers
;; stops: answered
;; says: limit headers =
;; limits: headers=200
;;
;; Headers without number. The next filter, the upstream and every later look-up in this map suffer.
;;
;; `proxy_add_header_map_value` for `x-bomb` two thousand times, in proxy_on_request_headers. Equal names are
;; separate entries.
;;
;; Envoy 1.40 added them all.
;;
;; `_check_room` in host/pywasmvm_host/calls/header_maps.py is called by each host call that makes a map
;; larger, with the map as it is then: `headers` entries at most, 200 here, those of the client included. The
;; call gives INTERNAL_FAILURE. It is in the host calls and not in the map because what a client sends is
;; bounded by whoever parses it, and a plugin must not fail for a client's headers. A map is searched from
;; front to back (HeaderMap in host/pywasmvm_host/headers.py), so its length is also a bound on time.
;;
;; A whole map that is set at once is held against the same limit. `--limit headers=`; their bytes are
;; header_bytes.
(module
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 64) "x-bomb") (global $status (mut i32) (i32.const 0))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (local $i i32)
    (if (local.get 2) (then (return (i32.const 0))))
    (loop $l
      (global.set $status (call $add (i32.const 0) (i32.const 64) (i32.const 6) (i32.const 64) (i32.const 1)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2000))))
    (if (i32.ne (global.get $status) (i32.const 10)) (then (unreachable)))
    (i32.const 0)))
