"""`difflang fmt`: rewriting, `--check`, and files that cannot be formatted."""

from __future__ import annotations

from click.testing import CliRunner

from difflang.cli.commands.fmt import command

UGLY, NEAT = "fn  f(x:real)=x\n", "fn f(x: real) = x\n"


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, list(arguments), standalone_mode=False)
    return result.return_value, result.output


def test_files_are_rewritten(tmp_path):
    (tmp_path / "a.dl").write_text(UGLY)
    (tmp_path / "b.dl").write_text(NEAT)
    status, _ = run(str(tmp_path))
    assert status == 0
    assert (tmp_path / "a.dl").read_text() == (tmp_path / "b.dl").read_text() == NEAT


def test_check_changes_nothing_and_fails(tmp_path):
    file = tmp_path / "a.dl"
    file.write_text(UGLY)
    assert run("--check", str(file))[0] == 1
    assert file.read_text() == UGLY
    file.write_text(NEAT)
    assert run("--check", str(file))[0] == 0


def test_a_file_with_a_mistake_is_left_alone(tmp_path):
    (tmp_path / "bad.dl").write_text("fn f(x: real) = (x\n")
    (tmp_path / "ugly.dl").write_text(UGLY)
    status, _ = run(str(tmp_path))
    assert status == 1
    assert (tmp_path / "bad.dl").read_text() == "fn f(x: real) = (x\n"
    assert (tmp_path / "ugly.dl").read_text() == NEAT


def test_a_missing_file_is_a_wrong_command_line(tmp_path):
    assert run(str(tmp_path / "none.dl"))[0] == 2
