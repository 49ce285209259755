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
# The rooms of the house from the ground up, and what each may import of the others: a new arrow,
# or a new room, is a decision that is made here.
_BASE = {"scratchnet", "keras_baseline"}
_GROUND = _BASE | {"experiments/runtime", "experiments/plan", "experiments/parity"}
ROOMS = {
    "scratchnet": set(),
    "keras_baseline": {"scratchnet"},
    "experiments/runtime": set(),
    "experiments/plan": {"scratchnet", "experiments/runtime"},
    "experiments/parity": _BASE,
    "experiments/trials": _GROUND,
    "experiments/check": _BASE | {"experiments/runtime", "experiments/parity"},
    "experiments/mutants": _BASE | {"experiments/runtime", "experiments/parity"},
    "experiments/fuzz": _GROUND | {"experiments/trials"},
    "experiments/report": _GROUND - {"keras_baseline"} | {"experiments/trials"},
    "experiments/bench": _BASE
    | {"experiments/runtime", "experiments/plan", "experiments/trials", "experiments/report"},
    "experiments/compare": {
        "experiments/runtime",
        "experiments/plan",
        "experiments/trials",
        "experiments/report",
    },
    "experiments/run": {
        "experiments/runtime",
        "experiments/plan",
        "experiments/trials",
        "experiments/report",
    },
    "experiments/backends": _GROUND | {"experiments/trials", "experiments/fuzz"},
    # The commands it knows by the names of their modules.
    "experiments/__main__": {"scratchnet", "experiments/runtime"},
}
COMMANDS_WITH_HELP = {"run", "check", "bench", "compare", "fuzz", "report"}
# What adapts scratchnet to another library, which nothing else of it imports.
ADAPTS = {"scratchnet/sklearn.py": ("sklearn",)}
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


def room(module):
    """The room of a module, as ``experiments/plan`` of ``experiments.plan.grid``."""
    first, *rest = module.split(".")
    return "/".join([first, *rest[:1]]) if first == "experiments" else first


def rooms_imported(path):
    """The rooms that a module imports from, anywhere in it, for type checkers too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # `from experiments import run` is an arrow to that module.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] in PACKAGES and name != "experiments":
                yield room(name)


@pytest.mark.parametrize("path", MODULES, ids=title)
def test_a_room_imports_only_what_the_table_says(path):
    own = room(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if own != "experiments/__init__":
        assert set(rooms_imported(path)) <= ROOMS[own] | {own}


def test_no_import_runs_upward():
    order = list(ROOMS)
    for above, below in ROOMS.items():
        assert all(order.index(name) < order.index(above) for name in below)


def test_experiments_has_the_rooms_of_the_table_and_no_others():
    entries = {
        f"experiments/{path.stem}"
        for path in (ROOT / "experiments").iterdir()
        if path.name not in ("__init__.py", "__pycache__")
    }
    assert entries == {name for name in ROOMS if "/" in name}


@pytest.mark.parametrize("path", MODULES, ids=title)
def test_imports_are_absolute(path):
    assert "." not in imported(path, inside_functions=True)


@pytest.mark.parametrize(
    "path", [path for path in MODULES if "scratchnet" in path.parts[-3:]], ids=title
)
def test_scratchnet_imports_numpy_and_the_standard_library_only(path):
    others = imported(path, inside_functions=True) - set(sys.stdlib_module_names)
    assert others <= {"numpy", "scratchnet", *ADAPTS.get(title(path), ())}


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
