"""Diagnostics: the model, its rendering and the explanation pages."""

from difflang.diagnostics.model import Diagnostic, DiffLangError, Label, Severity, Span, error

__all__ = ["Diagnostic", "DiffLangError", "Label", "Severity", "Span", "error"]
