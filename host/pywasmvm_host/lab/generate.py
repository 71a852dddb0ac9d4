"""Attacks on loading: lengths that lie, and things without number. What is honest and slow is in
generate_costly.py.

Each function returns a module; its docstring is the attack's page, by paragraphs (tests/attacks/README.md).
"""

from __future__ import annotations

from functools import partial

from ..protobuf import varint
from .attack import Attack
from .build import END, I32, LIE, MAGIC, attack, func, plugin, section, vec

__all__ = ["ATTACKS"]

ATTACKS: list[Attack] = []
lying = partial(
    attack, ATTACKS, group="load", limit="none: a count is believed item by item", stops="refused"
)
limited = partial(attack, ATTACKS, group="load", stops="refused")

# The sections that begin with a count: number, an entry, and what is particular about it.
SECTIONS = {
    "types": (1, "a type",
        """Types are the dearest to believe in: each becomes an object, and in the table of closed types an
        entry that others are compared with. That table (pywasmvm/valid/interning.py) sees a type only after
        all of its group have been read."""),
    "imports": (2, "an import",
        """The host wants the imports before any engine does, to know which of its calls a plugin uses. So
        host/pywasmvm_host/scan.py meets this lie first: `malformed`."""),
    "functions": (3, "a function's type",
        """The host reads them early, to know the signatures of exports, and host/pywasmvm_host/scan.py says
        `malformed`. The engine by itself holds the count against `functions` at once."""),
    "tables": (4, "a table",
        """What a table may hold is a second number, in the entry; table_declared lies with that one. Here
        there is no entry to say it."""),
    "memories": (5, "a memory",
        """The host wants to know the memories before any engine does, so host/pywasmvm_host/scan.py comes
        first: `malformed`. No memory is made while a module is read."""),
    "globals": (6, "a global",
        """Behind every type stands an expression that ends by itself; a reader that trusted the count would
        look for it far behind the file."""),
    "exports": (7, "an export",
        """The host looks for the marker of the ABI among the exports, so host/pywasmvm_host/scan.py reads
        them before the engine does: `malformed`. Names are lengths, too, and are held against the bytes in
        the same way."""),
    "elements": (9, "a segment of elements",
        """Each entry has a count of its own for what it holds, which is read by the same function and can
        be lied about no better."""),
    "code": (10, "a body",
        """The count must also be that of the function section, which is missing here. Bodies are kept as
        bytes and decoded later; how many there are is settled now."""),
    "data": (11, "a segment of data",
        """A module may say twice how many there are, in the section that counts data segments, too. Neither
        number makes room for anything; lie_segment lies about the length of one."""),
}  # fmt: skip


def _lying_section(name: str, number: int, entry: str, particular: str) -> None:
    def make() -> bytes:
        return MAGIC + section(number, LIE + bytes(8))

    make.__name__ = f"lie_count_of_{name}"
    make.__doc__ = f"""The section of {name} says that it holds four billion entries, in a file of a few
        bytes. Memory taken for a count before the entries have been seen would be gigabytes: whoever loads
        plugins for others is hit, by a file that fits into a line.

        Section {number}, its content the count 2**32 - 1 and eight bytes of zeros where {entry} should be,
        four billion times over. Nothing else is in the module.

        {particular}

        Envoy 1.40 refuses the module as well.

        Here `read_vec` in pywasmvm/binary/reader.py reads entry by entry and keeps those it has seen. Each
        takes a byte at least, so a count that lies ends with the data, and the work is bounded by the file.
        It is done in the one function that all counts share; `_check_entries` in
        pywasmvm/binary/decoder.py, which asks the limit `entries`, leaves counts that the bytes cannot hold
        to it, so that a lie is called malformed and not large. The host may refuse even earlier, because
        such a module has no export that names an ABI.

        There is nothing to set: `module_bytes` bounds the file, and with it everything that is counted in
        it."""
    lying(f"A section of {name} with a lying count")(make)


for _name, _row in SECTIONS.items():
    _lying_section(_name, *_row)


@lying("A section longer than the file")
def lie_section_size() -> bytes:
    """A section that says it is four gigabytes long, in a file of fourteen bytes. Who loads plugins is hit:
    a reader that makes room for a section before reading it asks the machine for four gigabytes.

    Behind the head of the file there is the number of the type section and then 2**32 - 1 as its size, in
    five bytes; one more byte follows.

    Envoy 1.40: `Failed to parse corrupted Wasm module`.

    A length is a place in the file and nothing else. `take` in host/pywasmvm_host/scan.py compares it with
    what is left of the bytes before it moves, and so does the reader of pywasmvm/binary/reader.py behind
    it; both hand out views of the file and copy nothing. The host walks the sections before the engine
    does, to know ABI and imports, so it is the first to refuse; the engine does not rely on that.

    No limit is involved: what a file may cost is bounded by its own length, `module_bytes`.
    """
    return MAGIC + b"\x01" + LIE + b"\0"


@lying("A function body longer than the file")
def lie_body_size() -> bytes:
    """A function body that says it is longer than the file. Bodies are read late, when a function is first
    called, so a lie that is believed here would be found in the middle of a request.

    In a sound plugin the size in front of the body of proxy_on_request_body is replaced by 2**32 - 1.
    Because the section's own length no longer fits either, the file is refused before anybody reaches the
    body.

    Envoy 1.40: `Failed to parse corrupted Wasm module`.

    The host's walk over the sections (host/pywasmvm_host/scan.py) finds that the code section ends behind
    the file. Handed to the engine alone, pywasmvm/binary/read_code.py reads the size as a length that must
    lie within the bytes, and would then hold it against `body_bytes`.

    That the *contents* of bodies are decoded lazily does not mean that they are believed: every body is
    proved to be closed when the module is loaded.
    """
    return plugin().replace(func(b"\x41\0" + END), LIE + b"\0\x41\0" + END)


@lying("A function type with four billion parameters")
def lie_parameters() -> bytes:
    """A function type that says it has four billion parameters, where four follow. Types are what a loader
    is tempted to allocate for in one go, as arrays of known size.

    The entry is 0x60, the count 2**32 - 1, and four times i32.

    Envoy 1.40: `Failed to load Wasm bytecode`.

    `read_vec` in pywasmvm/binary/reader.py reads an item at a time and keeps a list of those it has seen;
    each takes a byte at least, so a lying count ends with the data. The host's own reader
    (host/pywasmvm_host/scan.py) does likewise and comes first, with `malformed`. A count that is refused by
    comparing it with the bytes left would be quicker, but not simpler, and the work here is bounded by the
    file anyway.

    Were the parameters really there, `arity` would refuse the type: parameters_1001.
    """
    return plugin(types=[b"\x60" + LIE + I32 * 4])


@lying("A structure with four billion fields")
def lie_fields() -> bytes:
    """The same for a structure of the GC proposal: four billion fields announced, four given. Structures
    are newer than function types, and so is the code that reads them.

    0x5f, a count of 2**32 - 1, and four fields of type i32.

    Envoy 1.40: `Failed to load Wasm bytecode`.

    Both readers take field by field (`_comptype` in host/pywasmvm_host/scan.py,
    pywasmvm/binary/read_types.py) and run out of bytes. The layout of a structure, with its size in memory,
    is computed only after the type has been read and checked, so the lie never reaches a place that
    multiplies it by eight.

    Fields that exist are bounded by `fields`: fields_10001.
    """
    return plugin(types=[b"\x5f" + LIE + b"\x7f\0" * 4])


@lying("A group of four billion recursive types")
def lie_group() -> bytes:
    """Recursive groups hold many types under one entry of the section, so here is a second count that a
    reader may forget: the section says four entries, the last of them that it is four billion types.

    0x4e, 2**32 - 1, and a single empty structure.

    Envoy 1.40: `Failed to load Wasm bytecode`.

    The types of a group are read by the same `read_vec` (pywasmvm/binary/reader.py) as everything that is
    counted; closing the group, which gives each type its identity, begins when all have been read
    (pywasmvm/valid/interning.py). `_types` in host/pywasmvm_host/scan.py has a loop over the group of its
    own, which ends with the bytes too.

    What a large group that is no lie may cost is shown by types_in_one_group. There is nothing to set.
    """
    return plugin(types=[b"\x4e" + LIE + b"\x5f\0"])


@lying("A branch table with four billion targets")
def lie_targets() -> bytes:
    """A branch table that says it has four billion targets, within a function body. Unlike the other lies
    this one passes everybody who looks at sections only.

    `i32.const 0`, `br_table` with the count 2**32 - 1, two targets, and the end.

    Envoy 1.40: `Failed to load Wasm bytecode`.

    Bodies are kept as bytes and decoded on demand, but when a module is loaded each is walked once and must
    be closed (`prove` in pywasmvm/binary/lazy.py). That walk reads immediates with
    pywasmvm/binary/read_instrs.py, target by target, up to the end of the body: `unexpected end of section
    or function`. Had it been left to the first call, the plugin would have started with it.

    Tables that are as long as they say are bounded by `body_bytes`; br_table_long tries what that allows.
    """
    return plugin(b"\x41\0\x0e" + LIE + b"\0\0" + END)


@lying("A segment of four gigabytes")
def lie_segment() -> bytes:
    """A data segment of four gigabytes, of which three bytes are there. It would be copied into memory when
    the module is instantiated: a loader that believed it would read four gigabytes behind its own buffer.

    Section 11 with one active segment at address 0, whose length is 2**32 - 1, and `abc`.

    Envoy 1.40: `Failed to load Wasm bytecode`.

    The host does not look into data sections (host/pywasmvm_host/scan.py skips what it need not know).
    pywasmvm/binary/read_sections.py takes the length as one that must lie in the section, and segments stay
    views of the file until they are used. The compiled loader says only that something is wrong, and the
    Python reader then says what, with the offset, so both engines give the same text (RATIONALE.md).

    Honest segments outside memory are another matter: they trap at instantiation, and the plugin is
    refused.
    """
    return plugin(tail=section(11, b"\x01\0\x41\0\x0b" + LIE + b"abc"))


@lying("Locals that sum to more than there are numbers")
def lie_locals() -> bytes:
    """Locals come in groups of (count, type), so a function can ask for many with few bytes: here two
    groups of four billion each. In 32 bits their sum is a small number; as a frame it is sixty-four
    gigabytes.

    Two groups in proxy_on_request_body, each 2**32 - 1 times i32, in twelve bytes.

    Envoy 1.40: `Failed to load Wasm bytecode`.

    pywasmvm/binary/read_code.py sums the counts of the groups before any local exists, in integers that do
    not wrap, and says `too many locals` from 2**32 on, which is the specification's own bound. The groups
    are kept as groups; they are written out only when a function is translated, so nothing is as long as
    the number says.

    Below that bound the limit `locals` decides (locals_50001), in the same place.
    """
    return plugin(local_groups=[(0xFFFFFFFF, I32), (0xFFFFFFFF, I32)])


# -- things without number
@limited("One local more than allowed", limit="locals", says="locals of a function")
def locals_50001() -> bytes:
    """One local more than a function may have. Each of its calls needs a frame of that size, cleared; a
    group of locals takes two or three bytes in the file, whatever its count.

    Three parameters, 49,996 locals of type i32 and two of i64: 50,001.

    Envoy 1.40: `Failed to load Wasm bytecode`, since V8 has a bound on locals as well.

    pywasmvm/binary/read_code.py holds the sum of the groups against `locals` while it decodes, before a
    list of types is made. Parameters are part of the number but not of the body, so
    pywasmvm/valid/module.py adds them and asks again: that is the check which sees this module.

    The default of 50,000 is what browsers allow. It can be lowered a good deal: `--limit locals=`;
    compilers put most of their variables on the stack in linear memory. What the largest frame allowed may
    cost is locals_50000.
    """
    return plugin(local_groups=[(49_996, I32), (2, b"\x7e")])


@attack(
    ATTACKS, "Fifty thousand locals, and recursion", "stack", "value_stack_bytes", "trapped",
    "Maximum call stack size exceeded", "value_stack_bytes=4MiB, fuel=100M",
)  # fmt: skip
def locals_50000() -> bytes:
    """The largest frame that is allowed, in a function that calls itself. A bound on depth would allow ten
    thousand of these, four gigabytes.

    50,000 values of eight bytes make 400 kilobytes a frame. The function has nothing in it but a call of
    itself with its three parameters.

    Envoy 1.40: 503, `Maximum call stack size exceeded`, the next request is served.

    `value_stack_bytes` is 4 MiB in this run, so ten frames fit. The compiled engine asks at each entry
    whether the frame fits into the array of slots (pywasmvm/_fast/core.pyx makes it); the Python engine
    subtracts the size of large frames from what is left (pywasmvm/engine/python/link.py). In both it is the
    callee's entry that asks, so that no way of calling is left out.

    Clearing a frame is work that the unit for entering a function does not reflect; the product of `locals`
    and `call_depth` bounds it, or `--limit value_stack_bytes=` does.
    """
    code = b"\x20\0\x20\0\x20\0\x10\x02\x1a\x41\0" + END
    return plugin(code, local_groups=[(49_997, b"\x7e")])


@limited("Blocks nested deeper than allowed", limit="nesting", says="nesting of blocks")
def nested_20001() -> bytes:
    """Blocks in blocks, one deeper than allowed. A decoder or validator that calls itself for each block
    pays three bytes of the file with a frame of its own stack.

    20,001 times `block`, then as many `end`.

    Envoy 1.40 loads and runs it.

    `prove` in pywasmvm/binary/lazy.py walks the body without recursion and gives up at `nesting`;
    pywasmvm/valid/module.py passes the limit on where a body is validated. The walk itself would not need
    the bound. It is there for what comes later: translating to Python source, printing as text, and
    whatever an embedder does with a tree of blocks.

    The default of 20,000 is far above what compilers write, even for a Go function with thousands of cases.
    nested_19999 shows that what is allowed works. `--limit nesting=`.
    """
    return plugin(b"\x02\x40" * 20_001 + END * 20_001 + b"\x41\0" + END)


@limited("Too many functions", limit="functions", says="functions of a module", limits="functions=5k")
def functions_many() -> bytes:
    """Functions without number. In the file one takes four bytes, in memory a host must know its type, its
    place and, once it has been called, its code.

    Five thousand empty functions beside the plugin's own three, where 5,000 are allowed in this run.

    Envoy 1.40 loads as many.

    The number of functions stands at the head of the function section, and `_check_func_count` in
    pywasmvm/binary/decoder.py holds it, together with the imported ones, against `functions` before the
    entries are read. That it is a limit of its own and not `entries` has a reason: functions are the most
    numerous thing in honest modules.

    The default of a million allows the largest filters with room to spare; functions of a large module are
    kept as numbers and not as objects until they are used (RATIONALE.md). `--limit functions=`.
    """
    return plugin(extra=[(0, func(END))] * 5_000)


@limited("Too many types", limit="entries", says="entries of a section", limits="entries=5k")
def types_many() -> bytes:
    """Types of three bytes each. Every one becomes an object, is compared with all types the process knows,
    and lives as long as its module.

    Five thousand times the type of a function without parameters and results, behind three others, where
    sections may have 5,000 entries in this run.

    Envoy 1.40 loads it.

    `_check_entries` in pywasmvm/binary/decoder.py asks for every section except those of functions and
    code, before its entries are read: `entries of a section`. A count that the bytes cannot hold is left to
    the reader, so that a lie is called malformed and not large.

    Types that are equal become one in the table of closed types (pywasmvm/valid/interning.py), so these
    five thousand would be cheap; different ones are not. With `module_bytes` alone more than eighty million
    could be declared. `--limit entries=`.
    """
    return plugin(types=[b"\x60\0\0"] * 5_000)


@limited(
    "A file that is too large", limit="module_bytes", says="bytes of a module", limits="module_bytes=1MiB"
)
def module_large() -> bytes:
    """A file that is too large, by a custom section nobody will read. It must be fetched, kept and hashed
    all the same, in each process that loads it.

    A sound plugin with two mebibytes of zeros behind it; a module may have one in this run.

    Envoy 1.40 loads it; a custom section does not disturb it.

    pywasmvm/binary/decoder.py looks at the length before it reads the first byte, since everything after
    that costs in proportion: the limit on the whole is what makes the absence of a limit on many a part
    harmless. Sections that are not understood are kept as views of the file and not copied.

    The default is 256 MiB; real filters take five to ten where they were built by Go and less than one
    otherwise. `--limit module_bytes=`.
    """
    return plugin(tail=section(0, b"\x01x" + bytes(2 << 20)))


@limited(
    "A function that is too long",
    limit="body_bytes",
    says="bytes of a function body",
    limits="body_bytes=1MiB",
)
def body_long() -> bytes:
    """One function of two megabytes. Functions are translated whole, on their first call and without being
    charged, so the length of the longest is a bound on how late a request can be.

    Two million `nop` and a constant.

    Envoy 1.40 loads and runs it.

    pywasmvm/binary/read_code.py holds the size of each body against `body_bytes`, a mebibyte here, before
    the body is looked at. The total is bounded by `module_bytes` anyway; what needs a bound of its own is
    the single function, because translation is the one thing a guest makes the host do that no fuel pays
    for (docs/isolation.md).

    `--limit body_bytes=` is 8 MiB by default. Whoever knows his plugins lowers it to a little more than the
    longest function they have.
    """
    return plugin(b"\x01" * (2 << 20) + b"\x41\0" + END)


@limited("A type with too many parameters", limit="arity", says="parameters or results of a type")
def parameters_1001() -> bytes:
    """A type with a thousand and one parameters. Each call through it moves as many values, for two or
    three bytes of code.

    Only the type is there; no function has it.

    Envoy 1.40: `Failed to load Wasm bytecode`, V8 has the same bound.

    pywasmvm/valid/definitions.py counts parameters and results of each type against `arity`. It is the
    validator's job and not the decoder's, since it must hold for types that come from elsewhere too, from
    the text format or from an embedder who builds a module by hand.

    Blocks and tags have function types as well, so the one check serves them: br_table_wide and calls_wide
    use widths that are allowed. `--limit arity=`; compilers pass a dozen parameters at most and put the
    rest into memory.
    """
    return plugin(types=[b"\x60" + vec([I32] * 1001) + b"\0"])


@limited("A structure with too many fields", limit="fields", says="fields of a type")
def fields_10001() -> bytes:
    """A structure of ten thousand and one fields. A structure is allocated as a whole, cleared, and walked
    by every collection that finds it alive.

    One type with 10,001 immutable fields of type i32; nobody makes one.

    Envoy 1.40: `Failed to load Wasm bytecode`.

    pywasmvm/valid/definitions.py asks `fields` for each structure type, right beside `arity`, before a
    layout is computed for it. Without the bound `struct.new_default` would be a bulk instruction that is
    not charged by its size: it costs the same for one field and for a million. Arrays, which are, need no
    such limit.

    Eighty kilobytes are thus the most that a structure can take from `gc_heap_bytes` at once. `--limit
    fields=`.
    """
    return plugin(types=[b"\x5f" + vec([b"\x7f\0"] * 10_001)])


@limited("A chain of subtypes that is too long", limit="subtyping_depth", says="supertypes above a type")
def subtypes_65() -> bytes:
    """A chain of subtypes that is too long. A cast compares a type with the supertypes of another; with a
    chain without end one cast instruction is a walk without end.

    Sixty-five structures, each a subtype of the one before, so that the last has sixty-four above it.

    Envoy 1.40: `Failed to load Wasm bytecode`; V8 allows sixty-three.

    pywasmvm/valid/interning.py counts the supertypes when it closes a group, before it makes the chains of
    its types, and refuses at `subtyping_depth`, 63: a list that is built first and measured afterwards
    would be quadratic already. Because the depth is bounded, a type can keep all its supertypes, and a cast
    looks at the one place where the wanted type must stand.

    The specification leaves the number to the embedder; 63 is also what browsers take, so modules that pass
    there pass here. `--limit subtyping_depth=`.
    """
    chain = [b"\x50\0\x5f\0"] + [b"\x50\x01" + varint(2 + i) + b"\x5f\0" for i in range(1, 65)]
    return plugin(types=chain)
