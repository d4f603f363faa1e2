"""Mistakes on the command line, in arguments, files and at run time: code, status, place and hint of each."""

from __future__ import annotations

import pytest

MISTAKES = [
    # the command line
    ("rnu one.dl", 2, "E0901", "Did you mean `run`?"),
    ("run one.dl --backned llvm", 2, "E0902", "Did you mean `--backend`?"),
    ("run", 2, "E0902", "`FILE` is missing"),
    ("run one.dl --precision half", 2, "E0902", '"half" is no precision'),
    ("run one.dl width=1 --check inf", 2, "E0902", "Choose from `nan`"),
    ("run one.dl width=1 --threads -2", 2, "E0902", "no number of threads"),
    ("run one.dl width=1 --threads two", 2, "E0902", "--threads"),
    ("run one.dl --format xml", 2, "E0902", "Choose from `full`"),
    ("emit one.dl --of gard", 2, "E0902", "Did you mean `grad`"),
    ("check", 2, "E0902", "`FILE` is missing"),
    ("run one.dl width=1 --backend lvm", 2, "E0906", "Did you mean `llvm`?"),
    ("emit one.dl --stage machine", 2, "E0905", "stage"),
    ("run one.dl -f totl x=[1]", 2, "E0903", "Did you mean `total`?"),
    ("run oen.dl", 2, "E0907", "Did you mean `one.dl`?"),
    ("run .", 2, "E0907", "is a directory"),
    ("check one.dl none.dl", 2, "E0907", "`none.dl`"),
    ("test none.dl", 2, "E0907", "`none.dl`"),
    ("run one.dl -f total x=@none.npy", 2, "E0907", "`x`"),
    ("run one.dl 3", 2, "E0908", "NAME=VALUE"),
    ("run one.dl width=", 2, "E0908", "lacks its value"),
    ("run one.dl width=wide", 2, "E0908", "`wide` is no value"),
    ("run one.dl width=one.npy", 2, "E0908", "width=@one.npy"),
    ("run one.dl width=__import__('os')", 2, "E0908", "is no value"),
    ("run one.dl width=1e999", 2, "E0908", "is no value"),
    ("new one.dl/x.y", 2, "E0909", "cannot be the name"),
    ("explain E0600", 2, "E0910", "Did you mean `E06"),
    # arguments
    ("run one.dl", 2, "E0601", "`width: real`"),
    ("run one.dl widht=3", 2, "E0602", "Did you mean `width`?"),
    ("grad one.dl -f root --wrt y x=1", 2, "E0602", "no parameter `y`"),
    ("run one.dl width=1 width=2", 2, "E0609", "given twice"),
    ("run one.dl width=true", 1, "E0603", "must be a number"),
    ("run one.dl -f both x=1 flag=1", 1, "E0603", "True or False"),
    ("run one.dl -f total x=3", 1, "E0604", "1 dimension"),
    ("run one.dl width=[1]", 1, "E0604", "a single number"),
    ("run one.dl -f dots x=[1,2,3] y=[1,2]", 1, "E0605", "n = 3 (from `x`)"),
    ("run one.dl -f table a=[[1,2],[3,4]]", 1, "E0605", "2, not 3"),
    ("run one.dl -f shift line.slope=1 line.ofset=2 x=1", 1, "E0607", "Did you mean `offset`?"),
    ("run one.dl -f shift line.slope=1 x=1", 1, "E0607", "lacks the field `offset`"),
    ("run one.dl -f double k=2.5", 1, "E0608", "whole number"),
    ("run one.dl -f double k=99999999999999999999", 1, "E0608", "does not fit into i64"),
    ("run one.dl width=1e300 --precision f32", 1, "E0608", "does not fit into f32"),
    ("run unbound.dl a=[1,2,3]", 1, "E0404", "n*(n+1)/2"),
    # files
    ("run data.dl", 1, "E0701", "`none.csv`"),
    ("run one.dl -f total x=@one.dl", 1, "E0702", ".npy"),
    ("run one.dl -f table a=@ragged.csv", 1, "E0703", "Line 2"),
    ("run one.dl -f total x=@words.csv", 1, "E0704", "`two` is no number"),
    ("run one.dl -f total x=@empty.csv", 1, "E0705", "holds no numbers"),
    ("run one.dl -f total x=@table.csv", 1, "E0706", "2 rows of 3 values"),
    ("run one.dl -f total x=@broken.json", 1, "E0707", "is no JSON"),
    ("run one.dl width=3 --out no/x.json", 1, "E0710", "`no/x.json`"),
    ("run one.dl width=3 --log no/x.csv", 1, "E0710", "`no/x.csv`"),
    ("run one.dl width=3 --plot no/x.png", 1, "E0710", "`no/x.png`"),
    ("run one.dl width=3 --out x.txt", 2, "E0711", ".npz"),
    # the run
    ("run one.dl -f at x=[1,2] i=2", 1, "E0801", "2"),
    ("run one.dl -f checked x=-1", 1, "E0803", "x must be positive"),
    ("run one.dl -f root x=-1 --check nan", 1, "E0806", "NaN"),
    # the program
    ("check wrong.dl", 1, "E04", "Hint"),
    ("run broken.dl", 1, "E01", "Hint"),
    ("test failing.dl", 1, "E0803", "two is more"),
]
PLACES = {
    "run one.dl -f dots x=[1,2,3] y=[1,2]": ("one.dl", 6, 21),
    "run one.dl -f double k=2.5": ("one.dl", 8, 11),
    "run data.dl": ("data.dl", 1, 6),
    "run one.dl -f table a=@ragged.csv": ("ragged.csv", 2, 1),
    "run one.dl -f total x=@words.csv": ("words.csv", 3, 1),
    "run one.dl -f total x=@broken.json": ("broken.json", 1, 17),
    "run one.dl -f at x=[1,2] i=2": ("one.dl", 10, 37),
    "run one.dl -f checked x=-1": ("one.dl", 14, None),
    "run one.dl -f root x=-1 --check nan": ("one.dl", 12, None),
    "check wrong.dl": ("wrong.dl", 1, None),
    "run broken.dl": ("broken.dl", 1, None),
}


@pytest.mark.parametrize(("line", "status", "code", "text"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistake(difflang, line, status, code, text):
    ran = difflang(line)
    assert ran.status == status, ran.err
    assert f"ERROR {code}" in ran.err
    assert text in " ".join(ran.err.split())
    assert "Hint: " in ran.err


@pytest.mark.parametrize("line", PLACES)
def test_place(difflang, line):
    path, row, column = PLACES[line]
    (record, *_) = difflang(f"{line} --format json").json
    assert record["file"].endswith(path)
    assert record["line"] == row
    assert column is None or record["column"] == column
    assert (record["end_line"], record["end_column"]) > (record["line"], record["column"])


@pytest.mark.parametrize(("line", "status", "code", "text"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_json(difflang, line, status, code, text):
    if "--format" in line:
        pytest.skip("the format itself is wrong")
    ran = difflang(f"{line} --format json")
    document = ran.json
    if line.startswith("test"):
        document = [record for test in document for record in test["diagnostics"]]
    assert ran.status == status and document[0]["code"].startswith(code)
    assert set(document[0]) == {
        "code", "severity", "message", "hint", "file", "line", "column", "end_line", "end_column",
    }  # fmt: skip


def test_short_form_is_one_line(difflang):
    ran = difflang("run one.dl -f double k=2.5 --format short")
    assert ran.err == "one.dl:8:11: error E0608: `k` must be a whole number (int), but it is 2.5.\n"


OWN = [line for line, _, code, _ in MISTAKES if code[:3] in ("E06", "E07", "E09")]


@pytest.mark.parametrize("line", OWN)
def test_the_whole_message(difflang, snapshot, folder, line):
    assert difflang(line).err.replace(str(folder), "<folder>") == snapshot
