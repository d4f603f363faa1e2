"""What the names mean that the compiler itself provides: for `difflang doc` and editors.

Each name has the ways to write it, and a sentence or two. Functions of numbers that the table leaves out are described
by the code that makes them; the derivatives of those in it are added from the partial derivatives of the primitives.
"""

from __future__ import annotations

VALUES = {
    "pi": ("pi", "The circumference of a circle over its diameter, 3.14159..."),
    "inf": ("inf", "Infinity."),
    "nan": ("nan", "Not a number: it is unequal to everything, itself included."),
    "eps": ("eps", "The distance from 1 to the next `real`: 2^-52, or 2^-23 in single precision."),
    "real": (
        "real, real(x)",
        "The type of numbers in the working precision; `real(i)` makes one of an int or another float.",
    ),
    "int": (
        "int, int(x)",
        "The type of whole numbers of 64 bits; `int(x)` truncates, or fails where none fits. Overflow wraps.",
    ),
    "i64": ("i64, i64(x)", "The same type as `int`."),
    "i32": ("i32, i32(x)", "The type of whole numbers of 32 bits, and the conversion to it."),
    "f64": ("f64, f64(x)", "The type of floats of 64 bits, whatever the working precision, and the conversion to it."),
    "f32": ("f32, f32(x)", "The type of floats of 32 bits, whatever the working precision, and the conversion to it."),
    "bool": ("bool", "The type of truth values: `true` and `false`."),
    "key": ("key", "The type of random-number keys, made by `rng.key(seed)`."),
    "print": ("print(value, ..)", "Writes values and texts, once, also where the function is differentiated."),
    "report": (
        "report(name = value, ..)",
        "Figures of a running loop: shown as a progress line, kept by `--log`, drawn by `--plot`.",
    ),
}

REDUCTIONS = {
    "sum": (
        "sum(a), sum(e for i), sum(e for i in 0..n if c)",
        "The sum of all elements of an array, or over a range; arrays are added elementwise.",
    ),
    "prod": ("prod(a), prod(e for i in 0..n)", "The product, over all elements or over a range."),
    "max": (
        "max(a), max(a, b), max(e for i in 0..n)",
        "The largest, over all elements or a range, or elementwise of several values; ties share the derivative "
        "evenly.",
    ),
    "min": (
        "min(a), min(a, b), min(e for i in 0..n)",
        "The smallest, over all elements or a range, or elementwise of several values; ties share the derivative "
        "evenly.",
    ),
    "mean": ("mean(a), mean(e for i in 0..n)", "The sum over the number of elements."),
    "any": ("any(a), any(c for i in 0..n)", "Whether one of the truth values is true."),
    "all": ("all(a), all(c for i in 0..n)", "Whether all of the truth values are true."),
    "argmax": ("argmax(a), argmax(e for i in 0..n)", "The index of the first of the largest elements."),
    "argmin": ("argmin(a), argmin(e for i in 0..n)", "The index of the first of the smallest elements."),
    "logsumexp": ("logsumexp(a), logsumexp(e for i in 0..n)", "log(sum(exp(a))), without overflow."),
}

OPERATORS = {
    "grad": (
        'grad(f), grad(f, wrt = w), grad(f, wrt = (a, b), memory = "64 MB")',
        "The gradient of a real-valued function, by its first parameter or by those named: a function of the same "
        "arguments. `memory` bounds what loops store.",
    ),
    "value_and_grad": ("value_and_grad(f, wrt = w)", "`(f(x), gradient)` in one pass."),
    "jvp": (
        "jvp(f)(x, dx) -> (y, dy)",
        "The forward product: the arguments of f, then a direction for each differentiated one.",
    ),
    "vjp": (
        "vjp(f)(x, ybar) -> (y, xbar)",
        "The reverse product: the arguments of f, then the cotangent of its result.",
    ),
    "jacobian": (
        "jacobian(f), jacobian(f, sparse = true)",
        "All first derivatives: the dimensions of the result, then those of the argument. The compressed form "
        "holds `rows cols values shape`.",
    ),
    "hessian": ("hessian(f), hessian(f, sparse = true)", "The matrix of second derivatives of a real-valued function."),
    "hvp": ("hvp(f)(x, v)", "The Hessian times a vector, without the Hessian."),
    "ggn": ("ggn(f, loss)(x, v)", "The generalised Gauss-Newton product J^T H J v: J of f, H of the loss at f(x)."),
    "derivative": ("derivative(f, order = k)(x)", "The k-th derivative of a function of one real number."),
    "jet": (
        "jet(f, order = k)(x, v), jet(f)((x0, x1, .., xk))",
        "The Taylor coefficients of orders 0 to k (divided by j!), along the line x + t v or along a curve.",
    ),
    "stop_grad": ("stop_grad(x)", "The value, as a constant for every derivative."),
    "checkpoint": (
        "checkpoint(f), checkpoint(f, levels = m)",
        "The same function; in reverse mode its inside is computed again instead of stored. With levels, loops "
        "keep O(n^(1/m)) states.",
    ),
    "check_grad": (
        "check_grad(f, x, ..)",
        "Whether forward mode, reverse mode and differences agree at a point: for tests.",
    ),
}

FUNCTIONS = {
    "abs": ("abs(x)", "The absolute value; its derivative at 0 is 0."),
    "acos": ("acos(x)", "The inverse of cos, from 0 to pi."),
    "acosh": ("acosh(x)", "The inverse of cosh, from 0 on."),
    "asin": ("asin(x)", "The inverse of sin, from -pi/2 to pi/2."),
    "asinh": ("asinh(x)", "The inverse of sinh."),
    "atan": ("atan(x)", "The inverse of tan, from -pi/2 to pi/2."),
    "atan2": ("atan2(y, x)", "The angle of the point (x, y), from -pi to pi; at the origin its derivative is 0."),
    "atanh": ("atanh(x)", "The inverse of tanh."),
    "cbrt": ("cbrt(x)", "The cube root, of negative numbers too."),
    "ceil": ("ceil(x)", "The smallest whole number that is not below x; its derivative is 0."),
    "clip": ("clip(x, low, high)", "x, moved into the interval from low to high."),
    "cos": ("cos(x)", "The cosine of an angle in radians."),
    "cosh": ("cosh(x)", "The hyperbolic cosine."),
    "digamma": ("digamma(x)", "The derivative of lgamma."),
    "erf": ("erf(x)", "The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x."),
    "erfc": ("erfc(x)", "1 - erf(x), without cancellation."),
    "exp": ("exp(x)", "e to the power x."),
    "exp2": ("exp2(x)", "2 to the power x."),
    "expm1": ("expm1(x)", "exp(x) - 1, without cancellation near 0."),
    "floor": ("floor(x)", "The largest whole number that is not above x; its derivative is 0."),
    "hypot": ("hypot(x, y)", "sqrt(x*x + y*y), without overflow; its derivative at 0 is 0."),
    "isfinite": ("isfinite(x)", "Whether a number is neither infinite nor NaN, elementwise."),
    "isnan": ("isnan(x)", "Whether a number is NaN, elementwise."),
    "lgamma": ("lgamma(x)", "log |gamma(x)|."),
    "log": ("log(x)", "The natural logarithm."),
    "log10": ("log10(x)", "The logarithm to base 10."),
    "log1p": ("log1p(x)", "log(1 + x), without cancellation near 0."),
    "log2": ("log2(x)", "The logarithm to base 2."),
    "ones": ("ones(n, ..)", "An array of these dimensions, all one."),
    "relu": ("relu(x)", "max(x, 0); its derivative at 0 is 0."),
    "round": ("round(x)", "The nearest whole number, halves to even; its derivative is 0."),
    "sigmoid": ("sigmoid(x)", "1 / (1 + exp(-x)), without overflow."),
    "sign": ("sign(x)", "-1, 0 or 1, as x is; its derivative is 0."),
    "sin": ("sin(x)", "The sine of an angle in radians."),
    "sinh": ("sinh(x)", "The hyperbolic sine."),
    "softplus": ("softplus(x)", "log(1 + exp(x)), without overflow."),
    "sqrt": ("sqrt(x)", "The square root; its derivative at 0 is infinite."),
    "tan": ("tan(x)", "The tangent of an angle in radians."),
    "tanh": ("tanh(x)", "The hyperbolic tangent."),
    "zeros": ("zeros(n, ..)", "An array of these dimensions, all zero."),
    "zeros_like": ("zeros_like(x)", "The same structure, all zero."),
}

VOCABULARY = {**VALUES, **REDUCTIONS, **OPERATORS, **FUNCTIONS}
