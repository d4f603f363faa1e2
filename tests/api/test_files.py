"""Files of data in and out: what is read, and what is said of what cannot be."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from difflang.diagnostics import DiffLangError
from difflang.runtime import files
from difflang.runtime.structs import Struct
from difflang.signature import ArrayType, ScalarType, StructType, TupleType
from difflang.sizes import Size

REAL, SINGLE = ScalarType("f64", "real"), ScalarType("f32", "real")
INT, BOOL = ScalarType("i64", "int"), ScalarType("bool", "bool")
VECTOR, MATRIX = ArrayType(REAL, (Size.name("n"),)), ArrayType(REAL, (Size.name("n"), Size.name("d")))
INTS, BOOLS = ArrayType(INT, (Size.name("n"),)), ArrayType(BOOL, (Size.name("n"),))
POINT = StructType("Point[n]", (("w", VECTOR), ("b", REAL)))
NESTED = StructType("Outer", (("p", POINT), ("s", REAL)))


@pytest.fixture
def write(tmp_path):
    def make(name, content):
        path = tmp_path / name
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        elif isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, dict):
            np.savez(path, **content)
        else:
            np.save(path, content)
        return path

    return make


CSV = [
    ("1,2\n3,4\n", MATRIX, [[1, 2], [3, 4]]),
    ("a,b\n1,2\n3,4", MATRIX, [[1, 2], [3, 4]]),
    ("# a comment\na , b\n\n1, 2\n\n3,4\n", MATRIX, [[1, 2], [3, 4]]),
    ("\ufeffx\r\n1.5\r\n2e3\r\n", VECTOR, [1.5, 2000]),
    ("1,2,3\n", VECTOR, [1, 2, 3]),
    ("1;2\n3;4\n", MATRIX, [[1, 2], [3, 4]]),
    ("1\t2\n3\t4\n", MATRIX, [[1, 2], [3, 4]]),
    ('"1","2"\n', VECTOR, [1, 2]),
    ("nan,inf,-inf\n", VECTOR, [np.nan, np.inf, -np.inf]),
    ("7\n", REAL, 7),
    ("1,2,9007199254740993\n", INTS, [1, 2, 9007199254740993]),
    ("1.0,2.0\n", INTS, [1, 2]),
    ("0,1,1\n", BOOLS, [False, True, True]),
]


@pytest.mark.parametrize(("text", "type_", "expected"), CSV, ids=range(len(CSV)))
def test_csv(write, text, type_, expected):
    value = files.load(write("x.csv", text), type_, "x")
    np.testing.assert_array_equal(value, expected)
    element = type_.element if isinstance(type_, ArrayType) else type_
    assert np.asarray(value).dtype == {"f64": "f8", "i64": "i8", "bool": "?"}[element.dtype]


BAD_CSV = [
    ("1,2\n3\n", MATRIX, "E0703", (2, 1, 2), "Line 2"),
    ("a,b\n1,2\n3,four\n", MATRIX, "E0704", (3, 3, 7), "`four` is no number"),
    ("1,,3\n", VECTOR, "E0704", (1, 3, 4), "empty"),
    ("1,2\nNA,4\n", MATRIX, "E0704", (2, 1, 3), "`NA`"),
    ("id,2019\n1,2\n", MATRIX, "E0704", (1, 1, 3), "`id`"),
    ("a,b\nc,d\n1,2\n", MATRIX, "E0704", (2, 1, 2), "`c`"),
    ("1_000,2\n", VECTOR, "E0704", (1, 1, 6), "`1_000`"),
    ("1,1e400\n", VECTOR, "E0704", (1, 3, 8), "too large"),
    ("1,2.5\n", INTS, "E0704", (1, 3, 6), "no whole number"),
    ("", VECTOR, "E0705", None, "no numbers"),
    ("a,b\n", VECTOR, "E0705", None, "no numbers"),
    ("1,2\n3,4\n", VECTOR, "E0706", None, "2 rows of 2 values"),
    ("1,2\n", REAL, "E0706", None, "1 rows of 2 values"),
]


@pytest.mark.parametrize(("text", "type_", "code", "place", "words"), BAD_CSV, ids=range(len(BAD_CSV)))
def test_bad_csv(write, text, type_, code, place, words):
    path = write("x.csv", text)
    with pytest.raises(DiffLangError) as caught:
        files.load(path, type_, "x")
    problem = caught.value
    assert problem.code == code and words in problem.diagnostic.message and problem.hint
    if place is not None:
        assert problem.span is not None and problem.span.path == str(path)
        assert (problem.span.line, problem.span.column, problem.span.end_column) == place


def test_npy_and_npz(write):
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(files.load(write("x.npy", x), MATRIX, "x"), x)
    np.testing.assert_array_equal(files.load(write("y.npz", {"x": x, "y": x + 1}), MATRIX, "y"), x + 1)
    np.testing.assert_array_equal(files.load(write("z.npz", {"value": x, "y": 0}), MATRIX, "x"), x)
    np.testing.assert_array_equal(files.load(write("w.npz", {"a": x}), MATRIX, "x"), x)
    point = files.load(write("p.npz", {"p.w": x[0], "p.b": 2, "s": 1.5}), NESTED, "o")
    np.testing.assert_array_equal(point["p"]["w"], x[0])
    assert point["p"]["b"] == 2.0 and point["s"] == 1.5


def test_json(write):
    assert files.load(write("s.json", "2"), REAL, "s") == 2.0
    np.testing.assert_array_equal(files.load(write("x.json", '{"value": [1, 2.5]}'), VECTOR, "x"), [1, 2.5])
    assert files.load(write("t.json", "[1, [2, 3]]"), TupleType((INT, VECTOR)), "t")[0] == 1
    point = files.load(write("p.json", '{"w": [], "b": 1e3}'), POINT, "p")
    assert point["w"].shape == (0,) and point["b"] == 1000


def test_numbers_take_the_type_of_the_program(write):
    assert files.load(write("k.npy", np.arange(3, dtype="i4")), VECTOR, "k").dtype == np.float64
    single = ArrayType(SINGLE, (Size.name("n"),))
    assert files.load(write("x.npy", np.zeros(3)), single, "x").dtype == np.float32
    assert files.load(write("b.npy", np.array([True])), BOOLS, "b").dtype == np.bool_


MISTAKES = [
    ("x.npy", b"not numpy", VECTOR, "E0707"),
    ("x.npz", b"PK\x03\x04 broken", VECTOR, "E0707"),
    ("x.npy", b"", VECTOR, "E0707"),
    ("x.json", '{"value": [1, 2,}', VECTOR, "E0707"),
    ("x.csv", b"\xff\xfe1\x00", VECTOR, "E0707"),
    ("x.xlsx", b"", VECTOR, "E0702"),
    ("x", b"", VECTOR, "E0702"),
    ("x.csv", "1,2", POINT, "E0702"),
    ("x.npy", np.array([{"a": 1}], object), VECTOR, "E0708"),
    ("x.npy", np.array([1.5]), INTS, "E0708"),
    ("x.npy", np.array([1j]), VECTOR, "E0708"),
    ("x.npy", np.array([1e300]), ArrayType(SINGLE, (Size.name("n"),)), "E0708"),
    ("x.json", '["a"]', VECTOR, "E0708"),
    ("x.json", "[[1, 2], [3]]", MATRIX, "E0703"),
    ("x.npy", np.zeros((2, 2)), VECTOR, "E0706"),
    ("x.npz", {"a": np.zeros(2), "b": np.zeros(2)}, VECTOR, "E0709"),
    ("x.json", '{"w": [1], "bb": 2}', POINT, "E0709"),
    ("x.json", "[1]", TupleType((REAL, REAL)), "E0709"),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("name", "content", "type_", "code"), MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes(write, tmp_path, name, content, type_, code):
    if isinstance(content, np.ndarray) and content.dtype.hasobject:
        np.save(tmp_path / name, content, allow_pickle=True)
    else:
        write(name, content)
    with pytest.raises(DiffLangError) as caught:
        files.load(tmp_path / name, type_, "x")
    assert caught.value.code == code and caught.value.hint


def test_missing_files(tmp_path, write):
    write("values.csv", "1")
    with pytest.raises(DiffLangError) as caught:
        files.load(tmp_path / "value.csv", VECTOR, "x")
    assert caught.value.code == "E0701" and caught.value.hint == "Did you mean `values.csv`?"
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DiffLangError, match="is a directory"):
        files.load(tmp_path / "folder.csv", VECTOR, "x")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_forbidden_file(write):
    path = write("x.csv", "1")
    path.chmod(0)
    with pytest.raises(DiffLangError, match="may not be read"):
        files.load(path, VECTOR, "x")


def test_save_and_load_again(tmp_path):
    point = Struct("Outer", {"p": Struct("Point", {"w": np.array([1.0, 2.0]), "b": np.float64(3)}), "s": np.float64(4)})
    for name in ("o.npz", "o.json"):
        files.save(tmp_path / name, point)
        again = files.load(tmp_path / name, NESTED, "o")
        np.testing.assert_array_equal(again["p"]["w"], [1, 2])
        assert (again["p"]["b"], again["s"]) == (3, 4)


def test_keys_of_saved_results(tmp_path):
    files.save(tmp_path / "s.json", np.float64(1.5))
    assert json.loads((tmp_path / "s.json").read_text()) == {"value": 1.5}
    files.save(tmp_path / "t.npz", (np.float64(1.5), np.array([True])))
    with np.load(tmp_path / "t.npz") as archive:
        assert sorted(archive.files) == ["0", "1"]
    files.save(tmp_path / "x.npy", np.arange(2))
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), [0, 1])


def test_saving_fails_with_a_reason(tmp_path):
    for path, value, code in [
        (tmp_path / "no" / "x.json", 1.0, "E0710"),
        (tmp_path / "x.txt", 1.0, "E0711"),
        (tmp_path / "x.npy", (1.0, 2.0), "E0711"),
    ]:
        with pytest.raises(DiffLangError) as caught:
            files.save(path, value)
        assert caught.value.code == code and caught.value.hint


def test_sparse_matrices_are_saved_by_their_entries(tmp_path):
    from scipy.sparse import csr_array

    files.save(tmp_path / "m.json", csr_array(np.diag([1.0, 2.0])))
    value = json.loads((tmp_path / "m.json").read_text())["value"]
    assert value == {"rows": [0, 1], "cols": [0, 1], "values": [1.0, 2.0], "shape": [2, 2]}


@pytest.mark.parametrize("form", ["csr_array", "coo_matrix", "dia_array"])
def test_sparse_matrices_of_scipy_are_read_and_written(tmp_path, form):
    from scipy import sparse

    matrix = getattr(sparse, form)(np.array([[1.5, 0.0], [0.0, -2.0]]))
    sparse.save_npz(tmp_path / "theirs.npz", matrix)
    np.testing.assert_array_equal(files.load(tmp_path / "theirs.npz", MATRIX, "x"), matrix.toarray())
    files.save(tmp_path / "ours.npz", matrix)
    found = sparse.load_npz(tmp_path / "ours.npz")
    assert found.format == matrix.format and (found != matrix).nnz == 0
    with pytest.raises(DiffLangError, match="sparse matrix"):
        files.save(tmp_path / "ours.npy", matrix)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(), min_size=2, max_size=2), min_size=1, max_size=6),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_csv_keeps_every_digit(tmp_path_factory, rows, header, newline):
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    lines = (["first,second"] if header else []) + [",".join(map(repr, row)) for row in rows]
    path.write_text(newline.join(lines), newline="")
    np.testing.assert_array_equal(files.load(path, MATRIX, "x"), np.array(rows))
