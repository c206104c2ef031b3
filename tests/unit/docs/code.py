"""What the checks of this folder read in Python code. A process parses each module once."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

_REPLACING = ("setattr", "delattr")
# A lookup skips all other nodes faster than `match` does.
_DEFINING = frozenset((ast.Name, ast.Attribute, ast.arg, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
_OTHERS = frozenset((ast.Expr, ast.Constant, ast.ImportFrom, ast.Call))


@dataclass(slots=True)
class Code:
    """Parts of a module, without its syntax tree: those of all modules together are large."""

    text: str
    names: list[tuple[int, str]] = field(default_factory=list)
    """The line and name of each variable, parameter, attribute, function and class that the module defines."""
    functions: list[tuple[str, int]] = field(default_factory=list)
    """The name of each function, and its number of lines."""
    literals: list[str] = field(default_factory=list)
    """The strings, without docstrings."""
    relative_imports: list[ast.ImportFrom] = field(default_factory=list)
    string_paths: list[int] = field(default_factory=list)
    """The lines in which a test replaces something that it names by a path in a string."""


def code_of(text: str) -> Code:
    """Return the parts of the module with this ``text``."""
    code, docstrings = Code(text), set[int]()
    for node in ast.walk(ast.parse(text)):
        if type(node) in _DEFINING:
            _add_definition(code, node)
        elif type(node) in _OTHERS:
            _add_use(code, node, docstrings)
    return code


def _add_definition(code: Code, node: ast.AST) -> None:
    match node:
        case ast.Name(ctx=ast.Store(), id=name) | ast.Attribute(ctx=ast.Store(), attr=name):
            code.names.append((node.lineno, name))
        case ast.arg(arg=name) | ast.ClassDef(name=name):
            code.names.append((node.lineno, name))
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            code.names.append((node.lineno, name))
            code.functions.append((name, (node.end_lineno or 0) - node.lineno + 1))


def _add_use(code: Code, node: ast.AST, docstrings: set[int]) -> None:
    match node:
        case ast.Expr():
            docstrings.add(id(node.value))  # `ast.walk` yields it later
        case ast.Constant(value=str(literal)) if id(node) not in docstrings:
            code.literals.append(literal)
        case ast.ImportFrom() if node.level:
            code.relative_imports.append(node)
        case ast.Call(func=ast.Attribute(attr=name), args=[ast.Constant() | ast.JoinedStr(), *_]):
            code.string_paths += [node.lineno] if name in _REPLACING else []


@cache
def code_in(file: Path) -> Code:
    """Return the parts of the module in ``file``."""
    return code_of(file.read_text(encoding="utf-8"))
