;; title: Declaring a table of two billion elements
;; group: memory
;; limit: table_elements
;; stops: refused
;; says: table_elements is 1000000
;; limits: table_elements=1M
;;
;; To make the host allocate sixteen gigabytes of references by five bytes in the table section.
;;
;; `(table 2000000000 funcref)`: two billion elements. Unlike a memory a table is no range of zero pages that
;; the system could provide lazily; in Python it would be a list that is filled with None.
;;
;; Envoy 1.40 refuses it too: `Failed to load Wasm bytecode`, by V8's own bound on tables.
;;
;; `Table._setup` in pywasmvm/runtime/table.py compares the minimum with `table_elements` before anything is
;; allocated. The module is valid, so it is refused at instantiation and not earlier; a table that another
;; instance exports has been checked when it was made.
;;
;; The default allows ten million elements, which no compiler's output comes near: a table holds the
;; functions that are called indirectly. `--limit table_elements=` may be much lower.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (table 2000000000 funcref))
