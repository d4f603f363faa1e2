"""Random programs of the language. `random_oracle` turns them into Python."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

HEADER = """import linalg
struct State[n]:
    w: real[n]
    b: real
fn helper(u: real, v: real[n]) -> real:
    var r = u
    for i in 0..n:
        if r > 1.5:
            return r * v[i]
        r += sin(v[i] * r)
    return r
fn mapped(g: fn(real) -> real, v: real[n]) -> real[n] = [g(v[i]) for i in 0..n]
fn twice(g: fn(real) -> real, u: real) -> real = g(g(u))
fn spread(v: real[n]) -> real[n, n] = [2.0 * i + 2.0 if i == j else 0.2 * sin(v[i] + v[j]) for i in 0..n, j in 0..n]
"""

SCALARS = ("s", "r")
VECTORS = ("a", "b")
START = """fn f(x: real[n], c: real) -> real:
    var s = c
    var r = 0.5 * x[0]
    var a = x
    var b = [cos(x[i] + c) for i in 0..n]
    var m = [sin(x[i] + 2.0 * x[j]) for i in 0..n, j in 0..n]
    var p = State(w = sin(x), b = c)
    var q = (c, 0.3 * x)
    var k = 0
"""


class Writer:
    """Writes one program. `indices` are the names of integers in 0..n at this place."""

    def __init__(self, random: Random, stopped: bool) -> None:
        self.random = random
        self.stopped = stopped
        self.indices: list[str] = []
        self.loops = 0
        self.names = 0

    def fresh(self) -> str:
        self.names += 1
        return f"i{self.names}"

    def choose(self, *makers: Callable[[], str]) -> str:
        return self.random.choice(makers)()

    # --- expressions ---------------------------------------------------------------------------

    def constant(self) -> str:
        return str(self.random.randint(-20, 20) / 10 + 0.03)

    def index(self) -> str:
        choices = ["0", "-1", "n - 1", "k % n", *self.indices * 2]
        choices += [f"({i} + 1) % n" for i in self.indices] + [f"n - 1 - {i}" for i in self.indices]
        return self.random.choice(choices)

    def atom(self) -> str:
        i, j = self.index(), self.index()
        places = ["x[" + i + "]", f"a[{i}]", f"b[{i}]", f"m[{i}, {j}]", "p.b", f"p.w[{i}]", "q[0]", f"q[1][{i}]", "c"]
        return self.random.choice([*places, *SCALARS * 3, self.constant(), f"real({i})" if i[0] != "-" else "r"])

    def over_index(self, make: Callable[[], str]) -> tuple[str, str, str]:
        """An expression with a new index, the index, and its range."""
        ranges = ["0..n", "1..n", "n..n", "0..k % 2", *(f"0..{i}" for i in self.indices if i.isidentifier())]
        span, name = self.random.choice(ranges), self.fresh()
        self.indices.append(name)
        inside = make()
        self.indices.pop()
        return inside, name, span

    def reduction(self, depth: int) -> str:
        inside, name, span = self.over_index(lambda: self.scalar(depth - 1))
        kind = self.random.choice(["sum", "sum", "sum if", "prod", "max", "double"])
        if kind == "sum if":
            return f"sum({inside} for {name} in {span} if {self.element(name)} > 0.1)"
        if kind == "double":
            other = self.fresh()
            return f"sum(tanh({inside}) * x[{other}] for {name} in {span}, {other} in 0..{name})"
        if kind == "max":
            return f"max({inside} for {name} in 0..n)"
        return f"{kind}(tanh({inside}) for {name} in {span})"

    def element(self, index: str) -> str:
        return self.random.choice([f"x[{index}]", f"a[{index}]", f"m[0, {index}]"])

    def scalar(self, depth: int) -> str:
        if depth <= 0:
            return self.atom()
        e, v = partial(self.scalar, depth - 1), partial(self.vector, depth - 1)
        forms: list[Callable[[], str]] = [
            lambda: f"({e()} + {e()})",
            lambda: f"({e()} * {e()})",
            lambda: f"({e()} - {e()})",
            lambda: f"({e()} / (2.0 + square({e()})))",
            lambda: f"sin({e()})",
            lambda: f"tanh({e()})",
            lambda: f"exp(sin({e()}))",
            lambda: f"log(1.5 + sin({e()}))",
            lambda: f"sqrt(1.2 + cos({e()}))",
            lambda: f"max({e()}, {e()})",
            lambda: f"abs({e()})",
            lambda: f"(1.1 + sin({e()})) ** {self.random.choice(['2', '3', '-1', '1.5', 'r'])}",
            lambda: f"({e()} if {self.condition()} else {e()})",
            lambda: f"(log({self.atom()}) if {self.random.choice(SCALARS)} > 99.0 else {e()})",
            lambda: self.reduction(depth),
            lambda: self.reduction(depth),
            lambda: f"dot({v()}, {v()})",
            lambda: f"sum({v()})",
            lambda: f"logsumexp({v()})",
            lambda: f"max({v()})",
            lambda: f"helper({e()}, {v()})",
            lambda: f"twice(fn(u) = cos(u + {e()}), {e()})",
            lambda: f"linalg.det(spread({v()}))",
        ]
        if self.stopped:
            forms.append(lambda: f"stop_grad({e()})")
        return self.choose(*forms)

    def comprehension(self, depth: int) -> str:
        name = self.fresh()
        self.indices.append(name)
        inside = self.scalar(depth - 1)
        self.indices.pop()
        return f"[{inside} for {name} in 0..n]"

    def vector(self, depth: int) -> str:
        if depth <= 0:
            return self.random.choice([*VECTORS * 2, "x", "p.w", "q[1]", f"m[{self.index()}]", f"m[:, {self.index()}]"])
        e, v = partial(self.scalar, depth - 1), partial(self.vector, depth - 1)
        return self.choose(
            lambda: f"({v()} + {v()})",
            lambda: f"({v()} * {v()})",
            lambda: f"({e()} * {v()})",
            lambda: f"sin({v()})",
            lambda: f"(0.3 * m @ {v()})",
            lambda: f"(0.3 * {v()} @ m)",
            lambda: f"cumsum({v()})",
            lambda: f"flip({v()})",
            lambda: f"sort({v()})",
            lambda: f"roll({v()}, 1)",
            lambda: f"mapped(fn(u) = sin(u) * {e()}, {v()})",
            lambda: f"linalg.eigvalsh(spread({v()}))",
            lambda: f"(linalg.cholesky(spread({v()})) @ {v()})",
            lambda: f"linalg.svd(spread({v()}))[1]",
            lambda: f"square(linalg.qr(spread({v()}))[1] @ {v()})",
            lambda: f"softmax({v()})",
            lambda: f"linalg.solve(eye(n) + 0.1 * outer({v()}, {v()}), tanh({v()}))",
            lambda: f"({v()} if {self.condition()} else {v()})",
            lambda: self.comprehension(depth),
            lambda: self.comprehension(depth),
        )

    def condition(self) -> str:
        simple = f"{self.scalar(1)} > {self.constant()}"
        choices = [simple, f"not {simple}", f"{simple} and {self.scalar(0)} < {self.constant()}", "k % 2 == 0"]
        choices += [f"{i} > 0" for i in self.indices] + [f"({i} + k) % 2 == 1" for i in self.indices]
        return self.random.choice(choices)

    # --- statements ----------------------------------------------------------------------------

    def assignment(self) -> str:
        i, j = self.index(), self.index()
        e, v = f"sin({self.scalar(2)})", f"sin({self.vector(2)})"
        s, a = self.random.choice(SCALARS), self.random.choice(VECTORS)
        sign = self.random.choice(["=", "+=", "*=", "-="])
        return self.random.choice(
            [
                f"{s} {sign} {e}",
                f"{s} = {e}",
                f"{a}[{i}] {sign} {e}",
                f"{a}[{i}] *= {a}[{j}]",
                f"{a} {sign} {v}",
                f"{a}[1:n] = {v}[0:n - 1]",
                f"m[{i}, {j}] {sign} {e}",
                f"m[{i}] = {v}",
                f"m[:, {i}] = {v}",
                f"p.w = {v}",
                f"p.b {sign} {e}",
                f"p.w[{i}] {sign} {e}",
                f"p = State(..p, b = {e})",
                f"q = ({e}, {v})",
                "k += 1",
                "k = (3 * k + 1) % 7 // 2",
                f"k += int(3.0 * sin({s}))",
                f"k = argmax({a})",
            ]
        )

    def block(self, depth: int, looping: bool) -> list[str]:
        return [line for _ in range(self.random.randint(1, 3)) for line in self.statement(depth, looping)]

    def statement(self, depth: int, looping: bool) -> list[str]:
        forms = ["assign"] * 4
        forms += ["if", "if else", "for", "for", "while", "local"] if depth > 0 else []
        forms += ["leave"] if looping else []
        forms += ["return"]
        return getattr(self, "write_" + self.random.choice(forms).replace(" ", "_"))(depth, looping)

    def write_assign(self, depth: int, looping: bool) -> list[str]:
        return [self.assignment()]

    def write_local(self, depth: int, looping: bool) -> list[str]:
        name = self.fresh().replace("i", "z")
        s = self.random.choice(SCALARS)
        return [f"let {name} = {self.scalar(2)}", f"{s} = sin({s} + {name})", f"a = sin(a * {name})"]

    def write_leave(self, depth: int, looping: bool) -> list[str]:
        return [f"if {self.condition()}:", "    " + self.random.choice(["break", "continue"])]

    def write_return(self, depth: int, looping: bool) -> list[str]:
        return [f"if {self.scalar(1)} > 1.7:", f"    return {self.scalar(2)}"]

    def write_if(self, depth: int, looping: bool) -> list[str]:
        return [f"if {self.condition()}:", *indented(self.block(depth - 1, looping))]

    def write_if_else(self, depth: int, looping: bool) -> list[str]:
        other = indented(self.block(depth - 1, looping))
        return [*self.write_if(depth, looping), "else:", *other]

    def write_for(self, depth: int, looping: bool) -> list[str]:
        name = self.fresh()
        span = self.random.choice(["0..n", "0..n", "1..n", "0..n by 2", "0..k % 2"])
        self.indices.append(name)
        inside = self.block(depth - 1, True)
        self.indices.pop()
        return [f"for {name} in {span}:", *indented(inside)]

    def write_while(self, depth: int, looping: bool) -> list[str]:
        name = self.fresh().replace("i", "w")
        inside = self.block(depth - 1, True)
        condition = f"{name} < 3" + self.random.choice(["", f" and {self.random.choice(SCALARS)} < 1.1"])
        return [f"var {name} = 0", f"while {condition}:", f"    {name} += 1", *indented(inside)]

    def program(self) -> str:
        lines = [line for _ in range(self.random.randint(1, 3)) for line in self.statement(2, False)]
        end = "return s + r * p.b + dot(a, b) + dot(p.w, q[1]) + q[0] + sum(sin(m[i]) @ x for i in 0..n)"
        return HEADER + START + "\n".join(indented([*lines, end])) + "\n"


def indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


def random_program(random: Random, stopped: bool = False) -> str:
    return Writer(random, stopped).program()
