"""The ABI tables: complete, consistent, and the same set as the bodies."""

from __future__ import annotations

import pytest
from pywasmvm_host import calls
from pywasmvm_host.abi.callbacks import CALLBACKS, callbacks_of
from pywasmvm_host.abi.enums import BodyAction, HeadersAction, body_action, headers_action
from pywasmvm_host.abi.hostcalls import HOST_CALLS
from pywasmvm_host.abi.pairs import decode_pairs, encode_pairs, pairs_problem
from pywasmvm_host.abi.versions import find_version
from pywasmvm_host.abi.wasi import WASI_CALLS

WORDS = {
    "proxy_log": 3,
    "proxy_get_status": 3,
    "proxy_send_local_response": 8,
    "proxy_http_call": 10,
    "proxy_grpc_call": 12,
    "proxy_grpc_stream": 9,
    "proxy_grpc_send": 4,
    "proxy_get_shared_data": 5,
    "proxy_resolve_shared_queue": 5,
    "proxy_call_foreign_function": 6,
    "proxy_get_header_map_value": 5,
    "proxy_get_buffer_bytes": 5,
}


def test_every_row_has_a_body() -> None:
    calls.load_all()
    rows = {row.name for row in HOST_CALLS}
    assert set(calls.BODIES) == rows


def test_every_wasi_row_has_one_answer() -> None:
    calls.load_all()
    assert {row.name for row in WASI_CALLS if row.fixed is None} == set(calls.WASI_BODIES)


@pytest.mark.parametrize(("name", "count"), WORDS.items())
def test_parameter_counts(name: str, count: int) -> None:
    row = next(r for r in HOST_CALLS if r.name == name)
    assert len(row.wasm_params) == count


def test_every_row_says_what_it_lets_a_filter_do() -> None:
    assert all(row.lets for row in (*HOST_CALLS, *WASI_CALLS))
    assert all(row.does for row in CALLBACKS)


def test_headers_callback_takes_two_parameters_in_the_oldest_abi() -> None:
    assert len(callbacks_of("0.1.0")["proxy_on_request_headers"].wasm_params) == 2
    assert len(callbacks_of("0.2.1")["proxy_on_request_headers"].wasm_params) == 3


VECTOR = bytes.fromhex("02000000 01000000 01000000 01000000 02000000 6100 3100 6200 323200")


def test_pairs_vector() -> None:
    assert encode_pairs([(b"a", b"1"), (b"b", b"22")]) == VECTOR
    assert decode_pairs(VECTOR) == [(b"a", b"1"), (b"b", b"22")]


@pytest.mark.parametrize("data", [b"", b"\0", bytes(4)])
def test_empty_pairs(data: bytes) -> None:
    assert decode_pairs(data) == []
    assert pairs_problem(data) == ""


@pytest.mark.parametrize("data", [VECTOR[:-1], VECTOR + b"x", b"\1\0", b"\xff" * 8, VECTOR[:-1] + b"x"])
def test_malformed_pairs_read_as_nothing_and_say_why(data: bytes) -> None:
    assert decode_pairs(data) == []
    assert pairs_problem(data)


def test_pairs_round_trip() -> None:
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies

    @hypothesis.given(st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), max_size=20))
    def check(pairs: list[tuple[bytes, bytes]]) -> None:
        assert decode_pairs(encode_pairs(pairs)) == pairs

    check()


@pytest.mark.parametrize(("value", "want"), [(0, 0), (2, 0), (1, 4), (3, 3), (4, 4), (5, 4), (0xFFFFFFFF, 4)])
def test_headers_action(value: int, want: int) -> None:
    assert headers_action(value, False) == HeadersAction(want)


def test_real_stop_iteration() -> None:
    assert headers_action(1, True) == HeadersAction.STOP_ITERATION


@pytest.mark.parametrize(("value", "want"), [(0, 0), (1, 1), (2, 2), (3, 3), (9, 3), (-1, 3)])
def test_body_action(value: int, want: int) -> None:
    assert body_action(value) == BodyAction(want)


def test_first_known_marker_counts() -> None:
    offered = ("0.1.0", "0.2.0", "0.2.1")
    assert find_version(["proxy_abi_version_0_2_0", "proxy_abi_version_0_2_1"], offered)[0] == "0.2.0"
    assert find_version(["proxy_abi_version_0_2_100"], offered)[0] is None
    assert find_version(["proxy_abi_version_0_3_0"], offered)[1] == ["proxy_abi_version_0_3_0"]
