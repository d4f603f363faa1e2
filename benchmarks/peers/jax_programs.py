"""The workloads in JAX, on the processor, in double precision, compiled as a whole by `jit`.

`PROGRAMS` has for each workload a function of JAX that gives the function to compile and the numbers of those arguments
that are known to the compiler. Nothing here imports JAX but `call`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

PI = 3.14159265359
"""As ADBench has it."""

Program = Callable[[Any], tuple[Callable[..., Any], tuple[int, ...]]]


def call(workload: str, *arguments: Any) -> Callable[[], Any]:
    """The compiled workload with its arguments bound; it waits for the results."""
    return bound(PROGRAMS[workload], *arguments)


def bound(program: Program, *arguments: Any) -> Callable[[], Any]:
    """The compiled program with its arguments bound, on one thread: the caller's, so that nothing is handed over."""
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    jax: Any = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    function, static = program(jax)
    compiled = jax.jit(function, static_argnums=static)
    values = [value if k in static else jax.tree.map(jax.numpy.asarray, value) for k, value in enumerate(arguments)]
    return lambda: jax.block_until_ready(compiled(*values))


# --- ADBench ---


def gmm(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    jnp, special = jax.numpy, jax.scipy.special

    def prior(q: Any, log_diagonal: Any, gamma: Any, m: int) -> Any:
        k, d = q.shape[:2]
        freedom = d + m + 1
        log_gamma = 0.25 * d * (d - 1) * math.log(PI) + special.gammaln(0.5 * freedom - 0.5 * jnp.arange(d)).sum()
        constant = freedom * d * (jnp.log(gamma) - 0.5 * math.log(2.0)) - log_gamma
        return 0.5 * gamma**2 * (q**2).sum() - m * log_diagonal.sum() - k * constant

    def objective(alpha: Any, means: Any, icf: Any, x: Any, gamma: Any, m: int) -> Any:
        n, d = x.shape
        columns, rows = np.triu_indices(d, 1)
        q = jax.vmap(jnp.diag)(jnp.exp(icf[:, :d])).at[:, rows, columns].set(icf[:, d:])
        log_diagonal = icf[:, :d].sum(axis=1)
        z = jnp.einsum("kij,nkj->nki", q, x[:, None] - means)
        likelihood = special.logsumexp(alpha + log_diagonal - 0.5 * (z**2).sum(axis=2), axis=1).sum()
        constant = n * special.logsumexp(alpha) + 0.5 * n * d * math.log(2 * PI)
        return likelihood - constant + prior(q, log_diagonal, gamma, m)

    return jax.value_and_grad(objective, argnums=(0, 1, 2)), (5,)


def ba(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    jnp = jax.numpy

    def rotated(r: Any, x: Any) -> Any:
        angle = jnp.sqrt(r @ r)
        axis = r / angle
        turned = x * jnp.cos(angle) + jnp.cross(axis, x) * jnp.sin(angle)
        return turned + axis * (axis @ x) * (1.0 - jnp.cos(angle))

    def error(inputs: Any, feature: Any) -> Any:
        camera, x, weight = inputs[:11], inputs[11:14], inputs[14]
        seen = rotated(camera[:3], x - camera[3:6])
        flat = seen[:2] / seen[2]
        s = flat @ flat
        distorted = flat * (1.0 + camera[9] * s + camera[10] * s * s)
        return weight * (camera[6] * distorted + camera[7:9] - feature)

    def residuals_and_blocks(cameras: Any, points: Any, weights: Any, features: Any, seen_by: Any, seen: Any) -> Any:
        inputs = jnp.concatenate([cameras[seen_by], points[seen], weights[:, None]], axis=1)
        return jax.vmap(error)(inputs, features), jax.vmap(jax.jacfwd(error))(inputs, features)

    return residuals_and_blocks, ()


def lstm(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    jnp = jax.numpy

    def cell(w: Any, v: Any, z: Any, h: Any, s: Any) -> tuple[Any, Any]:
        b = z.shape[0]
        forget = jax.nn.sigmoid(z * w[:b] + v[:b])
        ingate = jax.nn.sigmoid(h * w[b : 2 * b] + v[b : 2 * b])
        outgate = jax.nn.sigmoid(z * w[2 * b : 3 * b] + v[2 * b : 3 * b])
        memory = s * forget + ingate * jnp.tanh(h * w[3 * b :] + v[3 * b :])
        return outgate * jnp.tanh(memory), memory

    def objective(main: Any, extra: Any, state: Any, sequence: Any) -> Any:
        def step(state: Any, pair: Any) -> tuple[Any, Any]:
            z, rows = pair[0] * extra[0], []
            for k in range(len(main) // 2):
                z, memory = cell(main[2 * k], main[2 * k + 1], z, state[2 * k], state[2 * k + 1])
                rows += [z, memory]
            y = z * extra[1] + extra[2]
            return jnp.stack(rows), pair[1] @ y - pair[1].sum() * jnp.log(jnp.exp(y).sum() + 2.0)

        pairs = jnp.stack([sequence[:-1], sequence[1:]], axis=1)
        terms = jax.lax.scan(step, state, pairs)[1]
        return -terms.sum() / ((sequence.shape[0] - 1) * sequence.shape[1])

    return jax.value_and_grad(objective, argnums=(0, 1)), ()


def hand(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    jnp = jax.numpy

    def turned(x: Any, z: Any) -> Any:
        (cx, sx), (cz, sz) = (jnp.cos(x), jnp.sin(x)), (jnp.cos(z), jnp.sin(z))
        rows = [[cz, -sz * cx, sz * sx, 0.0], [sz, cz * cx, -cz * sx, 0.0], [0.0, sx, cx, 0.0], [0.0, 0.0, 0.0, 1.0]]
        return jnp.stack([jnp.stack([jnp.asarray(entry, jnp.float64) for entry in row]) for row in rows])

    def angles(theta: Any, i: int) -> tuple[Any, Any]:
        finger, joint = divmod(i - 1, 4)
        if not 1 <= i <= 20 or joint == 0:
            return 0.0, 0.0
        return theta[6 + 4 * finger + (0 if joint == 1 else joint)], theta[7 + 4 * finger] if joint == 1 else 0.0

    def rotation(g: Any) -> Any:
        angle = jnp.sqrt(g @ g)
        u = g / angle
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        return cosine * jnp.eye(3) + sine * jnp.cross(u, jnp.eye(3)).T + (1.0 - cosine) * jnp.outer(u, u)

    def residuals(theta: Any, parent: Any, model: Any, vertex: Any, points: Any) -> Any:
        absolute: list[Any] = []
        for i, above in enumerate(parent):
            relative = model["base"][i] @ turned(*angles(theta, i))
            absolute.append(relative if above < 0 else absolute[above] @ relative)
        maps = jnp.stack(absolute) @ model["inverse"]
        x = jnp.concatenate([model["vertices"][vertex], jnp.ones((len(vertex), 1))], axis=1)
        moved = jnp.einsum("nb,brc,nc->nr", model["weights"][vertex], maps[:, :3], x)
        return points - moved @ rotation(theta[:3]).T - theta[3:6]

    def both(theta: Any, parent: Any, *rest: Any) -> Any:
        return residuals(theta, parent, *rest), jax.jacfwd(residuals)(theta, parent, *rest)

    return both, (1,)


# --- numerics ---


def ode(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    jnp = jax.numpy

    def field(y: Any, p: Any) -> Any:
        return jnp.stack([p[0] * y[0] - p[1] * y[0] * y[1], p[2] * y[0] * y[1] - p[3] * y[1]])

    def value(y0: Any, p: Any, h: Any, steps: int) -> Any:
        def step(y: Any, _: Any) -> tuple[Any, None]:
            k1 = field(y, p)
            k2 = field(y + 0.5 * h * k1, p)
            k3 = field(y + 0.5 * h * k2, p)
            k4 = field(y + h * k3, p)
            return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

        y = jax.lax.scan(step, y0, length=steps)[0]
        return y @ y

    return jax.value_and_grad(value, argnums=(0, 1)), (3,)


def black_scholes(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    jnp, erfc = jax.numpy, jax.scipy.special.erfc

    def total(spot: Any, vol: Any, strike: Any, rate: Any, time: Any) -> Any:
        d1 = (jnp.log(spot / strike) + (rate + 0.5 * vol * vol) * time) / (vol * jnp.sqrt(time))
        d2 = d1 - vol * jnp.sqrt(time)
        normal = [0.5 * erfc(-d * math.sqrt(0.5)) for d in (d1, d2)]
        return (spot * normal[0] - strike * jnp.exp(-rate * time) * normal[1]).sum()

    return jax.value_and_grad(total, argnums=(0, 1)), ()


def heat(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    def value(u0: Any, c: Any, steps: int) -> Any:
        def step(u: Any, _: Any) -> tuple[Any, None]:
            around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
            return u.at[1:-1, 1:-1].add(c * (around - 4 * u[1:-1, 1:-1])), None

        u = jax.lax.scan(step, u0, length=steps)[0]
        return (u**2).sum()

    return jax.value_and_grad(value, argnums=(0, 1)), (2,)


# --- learning ---


def adam(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    jnp = jax.numpy

    def step(x: Any, g: Any, m: Any, v: Any, t: int, lr: Any) -> Any:
        m1, v1 = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        c1, c2 = 1 - 0.9**t, 1 - 0.999**t
        return x - lr * (m1 / c1) / (jnp.sqrt(v1 / c2) + 1e-8), m1, v1

    return step, (4,)


def logistic_loss(jax: Any, w: Any, x: Any, y: Any, penalty: Any) -> Any:
    z = x @ w
    return (jax.nn.softplus(z) - y * z).sum() / len(z) + 0.5 * penalty * (w @ w)


def logistic_hvp(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    def product(w: Any, x: Any, y: Any, penalty: Any, v: Any) -> Any:
        return jax.jvp(jax.grad(lambda w: logistic_loss(jax, w, x, y, penalty)), (w,), (v,))[1]

    return product, ()


def logistic_hessian(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    return jax.hessian(partial(logistic_loss, jax)), ()


def taylor(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    jnp = jax.numpy
    jet: Any = import_module("jax.experimental.jet").jet

    def coefficients(order: int, x: Any, v: Any, *weights: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = weights
        series = [v, *[jnp.zeros_like(v)] * (order - 1)]
        value, derivatives = jet(lambda x: w3 @ jnp.tanh(w2 @ jnp.tanh(w1 @ x + b1) + b2) + b3, (x,), (series,))
        return jnp.stack([value, *(d / math.factorial(k + 1) for k, d in enumerate(derivatives))])

    return coefficients, (0,)


def ridge(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    def validation(penalty: Any, x: Any, y: Any, xv: Any, yv: Any) -> Any:
        cg: Any = import_module("jax.scipy.sparse.linalg").cg
        w = cg(lambda v: x.T @ (x @ v) + penalty * v, x.T @ y, tol=float(np.finfo(float).eps ** 0.75))[0]
        residual = xv @ w - yv
        return 0.5 * (residual @ residual)

    return jax.value_and_grad(validation), ()


def taylor_batch(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    one = taylor(jax)[0]

    def coefficients(order: int, x: Any, v: Any, *weights: Any) -> Any:
        return jax.vmap(lambda x, v: one(order, x, v, *weights), out_axes=1)(x, v)

    return coefficients, (0,)


# --- operators ---


def network(jax: Any, x: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
    return w3 @ jax.numpy.tanh(w2 @ jax.numpy.tanh(w1 @ x + b1) + b2) + b3


def _second(jax: Any, x: Any, v: Any, weights: Any) -> Any:
    """The second derivative of the network along v, by a jet."""
    jet: Any = import_module("jax.experimental.jet").jet
    return jet(lambda x: network(jax, x, *weights), (x,), ([v, jax.numpy.zeros_like(v)],))[1][1]


def laplacian(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    def total(x: Any, *weights: Any) -> Any:
        return jax.vmap(lambda v: _second(jax, x, v, weights))(jax.numpy.eye(len(x))).sum()

    return total, ()


def stochastic_laplacian(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    def mean(x: Any, directions: Any, *weights: Any) -> Any:
        return jax.vmap(lambda v: _second(jax, x, v, weights))(directions).mean()

    return mean, ()


def rosenbrock(x: Any) -> Any:
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def rosenbrock_hvp(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    return lambda x, v: jax.jvp(jax.grad(rosenbrock), (x,), (v,))[1], ()


def fixed_point(jax: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    """The implicit derivative by `custom_root`, the linear system solved densely."""
    jnp = jax.numpy

    def energy(b: Any, w: Any, steps: int) -> Any:
        def layer(x: Any) -> Any:
            return jnp.tanh(w @ x + b)

        def solve(_: Any, start: Any) -> Any:
            return jax.lax.fori_loop(0, steps, lambda _, x: layer(x), start)

        def linear(product: Any, y: Any) -> Any:
            return jnp.linalg.solve(jax.jacfwd(product)(y), y)

        x = jax.lax.custom_root(lambda x: layer(x) - x, b, solve, linear)
        return x @ x

    return lambda w, b, steps: jax.value_and_grad(energy)(b, w, steps), (2,)


def trivial(_: Any) -> tuple[Callable[..., Any], tuple[int, ...]]:
    return lambda a, b, c, d: a * b + c * d, ()


PROGRAMS: Mapping[str, Program] = {
    "gmm": gmm,
    "ba": ba,
    "lstm": lstm,
    "hand": hand,
    "ode": ode,
    "black_scholes": black_scholes,
    "heat": heat,
    "adam": adam,
    "logistic_hvp": logistic_hvp,
    "taylor": taylor,
    "ridge": ridge,
    "logistic_hessian": logistic_hessian,
    "taylor_batch": taylor_batch,
    "laplacian": laplacian,
    "stochastic_laplacian": stochastic_laplacian,
    "rosenbrock_hvp": rosenbrock_hvp,
    "fixed_point": fixed_point,
    "trivial": trivial,
}
