"""Who may import whom, read from the source; and what an import brings along."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("scratchnet", "keras_baseline", "experiments")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

FRAMEWORKS = {"keras", "tensorflow", "jax", "jaxlib", "torch"}
HEAVY = FRAMEWORKS | {"matplotlib", "pandas", "sklearn", "keras_baseline"}
FORBIDDEN = {
    "scratchnet": {"keras_baseline", "experiments"},
    "keras_baseline": {"experiments", "pandas", "sklearn", "matplotlib"},
    "experiments": {"keras", "tensorflow"},
}
COMMANDS_WITH_HELP = {"run", "check", "bench", "compare", "fuzz", "report"}
# It starts Keras, inside a function, to swallow what it writes meanwhile.
STARTS_KERAS = "experiments/runtime/keras_start.py"


def title(path):
    return path.relative_to(ROOT).as_posix()


def imported(path, *, inside_functions):
    """Names of the top-level packages that a module imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    nodes = ast.walk(tree) if inside_functions else at_import(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." if node.level else (node.module or "").split(".")[0])
    return found


def at_import(tree):
    """Every node that runs when the module is imported: not in functions, nor for type checkers."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            waiting.append(child)


@pytest.mark.parametrize("path", MODULES, ids=title)
def test_imports_run_one_way(path):
    package = path.relative_to(ROOT).parts[0]
    found = imported(path, inside_functions=title(path) != STARTS_KERAS)
    assert not found & FORBIDDEN[package]


@pytest.mark.parametrize("path", MODULES, ids=title)
def test_imports_are_absolute(path):
    assert "." not in imported(path, inside_functions=True)


@pytest.mark.parametrize(
    "path", [path for path in MODULES if "scratchnet" in path.parts[-3:]], ids=title
)
def test_scratchnet_imports_numpy_and_the_standard_library_only(path):
    others = imported(path, inside_functions=True) - set(sys.stdlib_module_names)
    assert others <= {"numpy", "scratchnet"}


def loaded_by(statement):
    """Names of the modules in a fresh interpreter after a statement."""
    code = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_scratchnet_loads_numpy_and_nothing_more():
    extra = loaded_by("import scratchnet") - loaded_by("import numpy.random")
    assert extra - set(sys.stdlib_module_names) == {"scratchnet"}


def commands():
    """The modules that are commands: those that run when called as a program."""
    return [
        path
        for path in (ROOT / "experiments").rglob("*.py")
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
    ]


def command(path):
    """The name of a command: of its module, or of its room."""
    return path.parent.name if path.stem == "__main__" else path.stem


@pytest.mark.parametrize("path", commands(), ids=title)
def test_importing_a_command_loads_nothing_heavy(path):
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    assert not loaded_by(f"import {module}") & HEAVY


@pytest.mark.parametrize(
    "path", [path for path in commands() if command(path) in COMMANDS_WITH_HELP], ids=title
)
def test_help_of_a_command_loads_nothing_heavy(path):
    module = f"experiments.{command(path)}"
    statement = f"""
import runpy, sys
sys.argv = ["{module}", "--help"]
sys.stdout, kept = sys.stderr, sys.stdout
try:
    runpy.run_module("{module}", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
sys.stdout = kept
"""
    assert not loaded_by(statement) & HEAVY
