"""What pyproject.toml cannot say: plans/ and examples/ go into the wheel, inside a package."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["scratchnet*", "keras_baseline*", "experiments*"]),
        "experiments.plans",
        "experiments.examples",
    ],
    package_dir={"experiments.plans": "plans", "experiments.examples": "examples"},
    package_data={
        "scratchnet": ["py.typed"],
        "experiments.report": ["style.mplstyle", "templates/*"],
        "experiments.plans": ["*.toml"],
        "experiments.examples": ["*"],
    },
)
