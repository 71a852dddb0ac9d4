;; title: Reading the host's environment and files
;; group: isolation
;; limit: none: there is nothing behind WASI
;; stops: answered
;;
;; Reading the host's environment and files by WASI. Credentials in environment variables are what an
;; attacker would look for first.
;;
;; The module asks for the size of the environment, which must be none. Then, for descriptors 0 to 31, it
;; tries to open /etc/passwd with all rights, to read, and to accept a connection. If any of it works, it
;; traps.
;;
;; Envoy 1.40 gives away nothing either.
;;
;; There is nothing behind these calls: host/pywasmvm_host/abi/wasi.py has each WASI function as a row with
;; its answer, and only those in host/pywasmvm_host/calls/wasi.py have a body. None of the bodies opens,
;; reads or connects; a sandbox that does not contain the function needs no rule about it. `environ_get`
;; shows the variables that the plugin's configuration lists.
;;
;; An operator who lists a host's variable in `environment_variables` gives it to the plugin, of course.
;; Random numbers and clocks are the world's, not the machine's, unless the embedder says otherwise.
(module
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 64) "/etc/passwd") (data (i32.const 96) "\80\00\00\00\40\00\00\00")
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (local $fd i32)
    (if (call $environ (i32.const 16) (i32.const 20)) (then (unreachable)))
    (if (i32.load (i32.const 16)) (then (unreachable)))
    (loop $l
      (if (i32.eqz (call $open (local.get $fd) (i32.const 0) (i32.const 64) (i32.const 11) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 24)))
        (then (unreachable)))
      (if (i32.eqz (call $read (local.get $fd) (i32.const 96) (i32.const 1) (i32.const 24))) (then (unreachable)))
      (if (i32.eqz (call $accept (local.get $fd) (i32.const 0) (i32.const 24))) (then (unreachable)))
      (br_if $l (i32.lt_u (local.tee $fd (i32.add (local.get $fd) (i32.const 1))) (i32.const 32))))
    (i32.const 0)))
