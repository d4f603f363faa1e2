"""The generated tables: in step with the grammar, without conflicts, quick, and without lark."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time

from difflang.syntax import parse
from difflang.syntax.builder import actions
from difflang.syntax.generate import TEXTMATE_PATH, generate, textmate
from difflang.syntax.tables import TABLES_PATH, tables


def test_the_tables_are_up_to_date():
    assert json.loads(TABLES_PATH.read_text("utf-8")) == generate(), "run `python -m difflang.syntax.generate`"


def test_the_grammar_of_editors_is_up_to_date():
    assert json.loads(TEXTMATE_PATH.read_text("utf-8")) == textmate(), "run `python -m difflang.syntax.generate`"


def test_the_grammar_has_no_conflicts(caplog):
    from lark.utils import logger

    with caplog.at_level(logging.DEBUG, logger=logger.name):
        generate()
    assert "conflict" not in caplog.text.lower()


def test_no_rule_has_the_name_of_a_word():
    words = tables().words("keywords")
    assert not words & tables().nonterminals


def test_every_action_exists():
    wanted = {rule.action for rule in tables().rules if rule.action and not rule.collapses}
    assert wanted == set(actions())


def test_the_parser_does_not_import_lark():
    script = "import sys, difflang.syntax; difflang.syntax.parse('fn f(x: real) = x'); sys.exit('lark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_three_hundred_lines_take_a_moment():
    head, last = "fn f(p: P[k, d], x: real[n, d]) -> real:\n", "    return z\n"
    text = (head + "    let z = p.w[1:n] * exp(-0.5 * x) + sum(a[i] for i in 0..n)\n" + last) * 100

    def once() -> float:
        start = time.process_time()
        parse(text)
        return time.process_time() - start

    assert any(once() < 0.1 for _ in range(20))
