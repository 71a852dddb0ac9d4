;; Vectors, floats, conversions that may trap.
(module
  (memory 1)
  (global $v (mut v128) (v128.const i32x4 1 2 3 4))
  (func (export "lanes") (param i32) (result i32)
    (global.set $v (i32x4.add (global.get $v) (i32x4.splat (local.get 0))))
    (v128.store (i32.const 0) (i8x16.shuffle 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0 (global.get $v) (global.get $v)))
    (i32x4.extract_lane 2 (i32x4.mul (global.get $v) (v128.load (i32.const 0)))))
  (func (export "floats") (param f64) (result f32)
    (f32x4.extract_lane 1 (f32x4.sqrt (f32x4.splat (f32.demote_f64 (f64.nearest (local.get 0)))))))
  (func (export "trunc") (param f64) (result i64) (i64.trunc_f64_s (local.get 0)))
  (func (export "sat") (param f32) (result i32) (i32.trunc_sat_f32_u (local.get 0)))
  (func (export "bits") (param i64) (result i64)
    (i64.xor (i64.rotl (local.get 0) (i64.const 7)) (i64.extend8_s (i64.popcnt (local.get 0))))))
