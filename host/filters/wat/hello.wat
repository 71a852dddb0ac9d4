;; The smallest filter that does something: it logs each request and adds a header to each response.
;; Everything a host asks of a module is here and nothing else: the ABI marker, a memory, an allocator, two callbacks.
(module
  (import "env" "proxy_log" (func $proxy_log (param $level i32) (param $text i32) (param $size i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $proxy_get_header_map_value
    (param $map i32) (param $key i32) (param $key_size i32) (param $value_out i32) (param $size_out i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $proxy_add_header_map_value
    (param $map i32) (param $key i32) (param $key_size i32) (param $value i32) (param $size i32) (result i32)))

  (memory (export "memory") 1)
  (data (i32.const 16) ":path")
  (data (i32.const 24) "x-hello")
  (data (i32.const 32) "from wat")

  ;; Slots 0 and 4 take the pointer and the size that the host writes. From 1024 on the host's blocks are handed out;
  ;; each callback starts there anew, because nothing is kept from one to the next.
  (global $free (mut i32) (i32.const 1024))

  (func (export "proxy_abi_version_0_2_1"))

  ;; Hand out `size` bytes, or 0 if the page is full: the host call that needed them then returns status 6.
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $block i32)
    (if (i32.gt_u (local.get $size) (i32.sub (i32.const 65536) (global.get $free)))
      (then (return (i32.const 0))))
    (local.set $block (global.get $free))
    (global.set $free (i32.add (local.get $block) (local.get $size)))
    (local.get $block))

  (func (export "proxy_on_request_headers") (param $id i32) (param $count i32) (param $end i32) (result i32)
    (global.set $free (i32.const 1024))
    (if (i32.eqz (call $proxy_get_header_map_value
          (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 0) (i32.const 4)))
      (then (drop (call $proxy_log (i32.const 2) (i32.load (i32.const 0)) (i32.load (i32.const 4))))))
    (i32.const 0))

  (func (export "proxy_on_response_headers") (param $id i32) (param $count i32) (param $end i32) (result i32)
    (drop (call $proxy_add_header_map_value
      (i32.const 2) (i32.const 24) (i32.const 7) (i32.const 32) (i32.const 8)))
    (i32.const 0)))
