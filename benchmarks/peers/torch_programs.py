"""The workloads in PyTorch, on the processor, on one thread: eager, derivatives by `torch.func`.

`PROGRAMS` has for each workload a function of PyTorch that gives the function to call. Nothing here imports PyTorch but
`call`. Left out are those with thousands of steps of a few numbers (ode) and Taylor series, which PyTorch lacks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.peers.jax_programs import PI, rosenbrock

Program = Callable[[Any], Callable[..., Any]]


def call(workload: str, *arguments: Any) -> Callable[[], Any]:
    """The workload with its arguments bound."""
    torch: Any = import_module("torch")
    torch.set_num_threads(1)
    program = PROGRAMS[workload](torch)
    values = [_given(torch, value) for value in arguments]
    return lambda: _taken(program(*values))


def _given(torch: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _given(torch, part) for name, part in value.items()}
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value


def _taken(result: Any) -> Any:
    return tuple(_taken(part) for part in result) if isinstance(result, tuple | list) else result.detach().numpy()


def _value_and_grad(torch: Any, function: Callable[..., Any], argnums: Any) -> Callable[..., Any]:
    both = torch.func.grad_and_value(function, argnums=argnums)

    def swapped(*arguments: Any) -> Any:
        gradient, value = both(*arguments)
        return value, gradient

    return swapped


# --- ADBench ---


def gmm(torch: Any) -> Callable[..., Any]:
    def prior(q: Any, log_diagonal: Any, gamma: Any, m: int) -> Any:
        k, d = q.shape[:2]
        freedom = d + m + 1
        log_gamma = 0.25 * d * (d - 1) * math.log(PI) + sum(math.lgamma(0.5 * (freedom - j)) for j in range(d))
        constant = freedom * d * (math.log(gamma) - 0.5 * math.log(2.0)) - log_gamma
        return 0.5 * gamma**2 * (q**2).sum() - m * log_diagonal.sum() - k * constant

    def objective(alpha: Any, means: Any, icf: Any, x: Any, gamma: Any, m: int) -> Any:
        n, d = x.shape
        columns, rows = np.triu_indices(d, 1)
        lower = torch.zeros(len(alpha), d, d, dtype=x.dtype).index_put(
            (torch.arange(len(alpha))[:, None], torch.from_numpy(rows), torch.from_numpy(columns)), icf[:, d:]
        )
        q = lower + torch.diag_embed(torch.exp(icf[:, :d]))
        log_diagonal = icf[:, :d].sum(dim=1)
        z = torch.matmul(x[None] - means[:, None], q.mT)
        likelihood = torch.logsumexp(alpha + log_diagonal - 0.5 * (z**2).sum(dim=2).T, dim=1).sum()
        constant = n * torch.logsumexp(alpha, 0) + 0.5 * n * d * math.log(2 * PI)
        return likelihood - constant + prior(q, log_diagonal, gamma, m)

    return _value_and_grad(torch, objective, (0, 1, 2))


def ba(torch: Any) -> Callable[..., Any]:
    func = torch.func

    def rotated(r: Any, x: Any) -> Any:
        angle = torch.sqrt(r @ r)
        axis = r / angle
        turned = x * torch.cos(angle) + torch.linalg.cross(axis, x) * torch.sin(angle)
        return turned + axis * (axis @ x) * (1.0 - torch.cos(angle))

    def error(inputs: Any, feature: Any) -> Any:
        camera, x, weight = inputs[:11], inputs[11:14], inputs[14]
        seen = rotated(camera[:3], x - camera[3:6])
        flat = seen[:2] / seen[2]
        s = flat @ flat
        distorted = flat * (1.0 + camera[9] * s + camera[10] * s * s)
        residual = weight * (camera[6] * distorted + camera[7:9] - feature)
        return residual, residual

    blocks = func.vmap(func.jacfwd(error, has_aux=True))

    def residuals_and_blocks(cameras: Any, points: Any, weights: Any, features: Any, seen_by: Any, seen: Any) -> Any:
        jacobians, residuals = blocks(torch.cat([cameras[seen_by], points[seen], weights[:, None]], dim=1), features)
        return residuals, jacobians

    return residuals_and_blocks


def lstm(torch: Any) -> Callable[..., Any]:
    def cell(w: Any, v: Any, z: Any, h: Any, s: Any) -> tuple[Any, Any]:
        b = z.shape[0]
        forget = torch.sigmoid(z * w[:b] + v[:b])
        ingate = torch.sigmoid(h * w[b : 2 * b] + v[b : 2 * b])
        outgate = torch.sigmoid(z * w[2 * b : 3 * b] + v[2 * b : 3 * b])
        memory = s * forget + ingate * torch.tanh(h * w[3 * b :] + v[3 * b :])
        return outgate * torch.tanh(memory), memory

    def objective(main: Any, extra: Any, state: Any, sequence: Any) -> Any:
        rows, outputs = list(state), []
        for character in sequence[:-1]:
            z = character * extra[0]
            for k in range(len(main) // 2):
                z, rows[2 * k + 1] = cell(main[2 * k], main[2 * k + 1], z, rows[2 * k], rows[2 * k + 1])
                rows[2 * k] = z
            outputs.append(z)
        y = torch.stack(outputs) * extra[1] + extra[2]
        wanted = sequence[1:]
        terms = (wanted * y).sum(dim=1) - wanted.sum(dim=1) * torch.log(torch.exp(y).sum(dim=1) + 2.0)
        return -terms.sum() / wanted.numel()

    return _value_and_grad(torch, objective, (0, 1))


# --- numerics ---


def black_scholes(torch: Any) -> Callable[..., Any]:
    def total(spot: Any, vol: Any, strike: Any, rate: Any, time: Any) -> Any:
        d1 = (torch.log(spot / strike) + (rate + 0.5 * vol * vol) * time) / (vol * math.sqrt(time))
        d2 = d1 - vol * math.sqrt(time)
        normal = [0.5 * torch.erfc(-d * math.sqrt(0.5)) for d in (d1, d2)]
        return (spot * normal[0] - strike * math.exp(-rate * time) * normal[1]).sum()

    return _value_and_grad(torch, total, (0, 1))


def heat(torch: Any) -> Callable[..., Any]:
    pad = torch.nn.functional.pad

    def value(u0: Any, c: Any, steps: int) -> Any:
        u = u0
        for _ in range(steps):
            inner = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * u[1:-1, 1:-1]
            u = u + pad(c * inner, (1, 1, 1, 1))
        return (u**2).sum()

    gradient = _value_and_grad(torch, value, (0, 1))
    return lambda u0, c, steps: gradient(u0, torch.tensor(c, dtype=u0.dtype), steps)


# --- learning ---


def adam(torch: Any) -> Callable[..., Any]:
    def step(x: Any, g: Any, m: Any, v: Any, t: int, lr: float) -> Any:
        m1, v1 = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        c1, c2 = 1 - 0.9**t, 1 - 0.999**t
        return x - float(lr) * (m1 / c1) / (torch.sqrt(v1 / c2) + 1e-8), m1, v1

    return step


def _logistic_loss(torch: Any, w: Any, x: Any, y: Any, penalty: float) -> Any:
    z = x @ w
    return (torch.nn.functional.softplus(z, threshold=700.0) - y * z).sum() / len(z) + 0.5 * penalty * (w @ w)


def logistic_hvp(torch: Any) -> Callable[..., Any]:
    def product(w: Any, x: Any, y: Any, penalty: float, v: Any) -> Any:
        gradient = torch.func.grad(lambda w: _logistic_loss(torch, w, x, y, penalty))
        return torch.func.jvp(gradient, (w,), (v,))[1]

    return product


def logistic_hessian(torch: Any) -> Callable[..., Any]:
    return torch.func.hessian(lambda w, x, y, penalty: _logistic_loss(torch, w, x, y, penalty))


def ridge(torch: Any) -> Callable[..., Any]:
    """Through a dense solution, whose derivative is implicit."""

    def validation(penalty: Any, x: Any, y: Any, xv: Any, yv: Any) -> Any:
        w = torch.linalg.solve(x.T @ x + penalty * torch.eye(x.shape[1], dtype=x.dtype), x.T @ y)
        residual = xv @ w - yv
        return 0.5 * (residual @ residual)

    gradient = _value_and_grad(torch, validation, 0)
    return lambda penalty, *data: gradient(torch.tensor(penalty, dtype=data[0].dtype), *data)


# --- operators ---


def _seconds(torch: Any, x: Any, directions: Any, weights: Any) -> Any:
    """The second derivatives of the network along the directions, by products with the Hessian."""
    w1, b1, w2, b2, w3, b3 = weights
    gradient = torch.func.grad(lambda x: w3 @ torch.tanh(w2 @ torch.tanh(w1 @ x + b1) + b2) + b3)
    return torch.func.vmap(lambda v: v @ torch.func.jvp(gradient, (x,), (v,))[1])(directions)


def laplacian(torch: Any) -> Callable[..., Any]:
    return lambda x, *weights: _seconds(torch, x, torch.eye(len(x), dtype=x.dtype), weights).sum()


def stochastic_laplacian(torch: Any) -> Callable[..., Any]:
    return lambda x, directions, *weights: _seconds(torch, x, directions, weights).mean()


def rosenbrock_hvp(torch: Any) -> Callable[..., Any]:
    return lambda x, v: torch.func.jvp(torch.func.grad(rosenbrock), (x,), (v,))[1]


def fixed_point(torch: Any) -> Callable[..., Any]:
    """Through all the steps: PyTorch has no implicit derivative of its own."""

    def energy(b: Any, w: Any, steps: int) -> Any:
        x = b
        for _ in range(steps):
            x = torch.tanh(w @ x + b)
        return x @ x

    gradient = _value_and_grad(torch, energy, 0)
    return lambda w, b, steps: gradient(b, w, steps)


def trivial(torch: Any) -> Callable[..., Any]:
    """On tensors of no dimension."""

    def value(*numbers: float) -> Any:
        a, b, c, d = (torch.tensor(number, dtype=torch.float64) for number in numbers)
        return a * b + c * d

    return value


PROGRAMS: Mapping[str, Program] = {
    "gmm": gmm,
    "ba": ba,
    "lstm": lstm,
    "black_scholes": black_scholes,
    "heat": heat,
    "adam": adam,
    "logistic_hvp": logistic_hvp,
    "logistic_hessian": logistic_hessian,
    "ridge": ridge,
    "laplacian": laplacian,
    "stochastic_laplacian": stochastic_laplacian,
    "rosenbrock_hvp": rosenbrock_hvp,
    "fixed_point": fixed_point,
    "trivial": trivial,
}
