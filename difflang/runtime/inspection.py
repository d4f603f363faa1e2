"""What Python is told of the parameters of a function."""

from __future__ import annotations

import inspect

from difflang.runtime.types import type_text
from difflang.signature import Signature


def python_signature(signature: Signature) -> inspect.Signature:
    """The signature of a function as `inspect` and the help of an editor show it."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters: list[inspect.Parameter] = []
    optional = False
    for parameter in signature.parameters:
        optional = optional or not parameter.required
        default = ... if optional else inspect.Parameter.empty
        parameters.append(
            inspect.Parameter(parameter.name, kind, default=default, annotation=type_text(parameter.type))
        )
    return inspect.Signature(parameters, return_annotation=type_text(signature.result))


def parameters_text(signature: Signature) -> str:
    """The parameters as a program would declare them."""
    return ", ".join(f"{p.name}: {type_text(p.type)}{'' if p.required else ' = ...'}" for p in signature.parameters)
