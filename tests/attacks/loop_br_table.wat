;; title: A loop whose branch is a table
;; group: work
;; limit: fuel
;; stops: trapped
;;
;; The same endless loop, but the branch back is an instruction that an engine may have forgotten to charge.
;; The victim is a host that meters only the branches it thought of.
;;
;; `br_table $l $l $l` names the loop as both targets and as the default, so every index leads back. There is
;; no `br` and no `br_if` in the function.
;;
;; Envoy 1.40 does not meter, so the kind of branch makes no difference to it: it hangs.
;;
;; The rule of pywasmvm/engine/fuel.py speaks of labels, not of instructions: a loop starts a segment if any
;; instruction names its label, br_table, br_on_null and catch clauses included. The Python engine writes the
;; charge of each target in pywasmvm/engine/python/lower_switch.py, where targets may owe different amounts;
;; the compiled one has it in the words of its branches (RATIONALE.md).
;;
;; The operator's knob is `--limit fuel=`, as for every loop. A new branching instruction must be added to
;; the table of labels in that file; the comparison of both engines' fuel in `pywasmvm nodiff` is there to
;; notice if it is not.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $l (br_table $l $l $l (i32.const 1))) (i32.const 0)))
