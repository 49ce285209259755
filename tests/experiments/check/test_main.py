import json
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.check.__main__ import BadInputError, main, split_name

ROOT = Path(__file__).parents[3]


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "experiments.check", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_article_example_is_equal_to_keras():
    done = run("examples/article_network.py", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert report["verdict"] == "rounding"
    assert report["first_divergence"] is None
    assert report["diagnosis"] is None
    assert {case["dtype"] for case in report["cases"]} == {"float32", "float64"}
    assert all(case["verdict"] in ("rounding", "identical") for case in report["cases"])
    # Keras was asked, and agrees with the reference.
    assert not any("disagree" in remark for remark in report["remarks"])


@pytest.fixture
def patched(tmp_path):
    """A copy of an example with a piece replaced."""

    def copy(name, old, new):
        source = (ROOT / "examples" / name).read_text()
        assert old in source
        path = tmp_path / "wrong.py"
        path.write_text(source.replace(old, new))
        return path

    return copy


def test_a_missing_batch_size_is_told_to_people(patched, capsys):
    path = patched("my_network.py", "y / p) / p.size", "y / p)")
    assert main([f"{path}:MyNetwork", "--verbose"]) == 1
    text = " ".join(capsys.readouterr().out.split())
    assert "Verdict: divergent" in text
    assert "step 0, dense_5/kernel_gradient" in text
    assert "not divided by the batch size 7" in text
    # What matters stands before the long table, and the verdict after it too.
    words = ("batch_size_missing", "First divergence", "longdouble bound")
    places = [text.index(word) for word in words]
    assert places == sorted(places)
    assert places[-1] < text.rindex("Verdict: divergent")


def test_a_value_that_should_be_0_is_not_told_in_ulps(patched, capsys):
    path = patched("article_network.py", "dZ[Z <= 0] = 0", "dZ[Z < 0] = 0")
    assert main([str(path), "--verbose"]) == 1
    text = " ".join(capsys.readouterr().out.split())
    assert ", Keras 0.0 rounding explains no difference here" in text
    assert "ulps" not in text


def test_the_json_has_the_keys_it_promises_and_keras_own_value(patched, capsys):
    path = patched(
        "article_network.py", "np.dot(dZ_curr, A_prev.T) / m", "np.dot(dZ_curr, A_prev.T)"
    )
    assert main([str(path), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert list(report)[:4] == ["verdict", "first_divergence", "diagnosis", "cases"]
    first = report["first_divergence"]
    assert set(first) == {"step", "layer", "tensor", "index", "ours", "keras", "ulps", "bound"}
    assert (first["step"], first["layer"], first["tensor"]) == (0, "dense_5", "kernel_gradient")
    assert first["ours"] == pytest.approx(7 * first["keras"], rel=1e-12)
    assert abs(first["ours"] - first["keras"]) > first["bound"] > 0
    assert report["diagnosis"]["code"] == "batch_size_missing"
    assert report["line"]["text"] == "dW_curr = np.dot(dZ_curr, A_prev.T)"
    assert report["line"]["result"] == "dW_curr"


def test_by_default_a_report_is_short_and_says_what_is_wrong(patched, capsys, monkeypatch):
    path = patched("my_network.py", "y / p) / p.size", "y / p)")
    # A long path would take lines of its own.
    monkeypatch.chdir(path.parent)
    assert main([f"{path.name}:MyNetwork"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 20
    text = " ".join(" ".join(lines).split())
    assert "Verdict: divergent. Differs from Keras: the gradient of dense_5's kernel." in text
    assert "not divided by the batch size 7" in text
    assert text.count("log(0)") == 1
    assert "longdouble" not in text


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("no/such/file.py", "no/such/file.py: no such file"),
        ("no/such/file.py:Net", "no/such/file.py: no such file"),
        ("README.md", "not a Python file"),
        ("experiments", "not a Python file"),
        ("examples/my_network.py:not a name", "'not a name' is not a valid class name"),
    ],
)
def test_bad_input_is_one_line_and_status_2(argument, told, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main([argument]) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(
    ("source", "name", "told"),
    [
        ("x = 1\n", None, "looked for a class with gradients(x, y)"),
        ("class Net:\n    pass\n", "Other", "no class 'Other'"),
        ("class Net:\n    pass\n", "Net", "has no method gradients"),
        (
            "def full_forward_propagation(X, params_values, nn_architecture): ...\n",
            "foo",
            "the article's form, so leave out ':foo'",
        ),
        (
            "class A:\n    def gradients(self): ...\nclass B(A):\n    pass\n",
            None,
            "several classes with gradients(x, y): A, B",
        ),
        ("def sigmoid(z): ...\ndef update(p, g, a, r): ...\n", None, "only update"),
        ("def full_forward_propagation(a, b, c, d): ...\n", None, "needs 'd' too"),
    ],
)
def test_what_is_not_recognised_is_told(source, name, told, tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(source)
    assert main([f"{path}:{name}" if name else str(path)]) == 2
    text = " ".join(capsys.readouterr().out.split())
    assert told in text
    assert "not judged" in text


def test_a_name_is_split_off_a_file_and_not_off_a_drive(tmp_path):
    path = tmp_path / "net.py"
    path.write_text("")
    assert split_name(f"{path}:Net") == (path, "Net")
    assert split_name(str(path)) == (path, None)
    with pytest.raises(BadInputError):
        split_name("C:\\net.py")


def test_a_mistake_of_the_check_is_status_3_in_one_line(tmp_path, capsys, monkeypatch):
    def broken(*_):
        raise RuntimeError("broken\nin two lines")

    monkeypatch.setattr("experiments.check.source.Source.read", broken)
    path = tmp_path / "net.py"
    path.write_text("")
    assert main([str(path)]) == 3
    captured = capsys.readouterr()
    assert "internal error, no verdict: RuntimeError: broken in two lines" in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("print 'hello'\n", "other_python", "2to3"),
        ("def f(:\n", "not_python", "line 1 of net.py"),
        ("import no_such_module\n", "missing_module", "no_such_module.py"),
        ("open('no/such/data.csv')\n", "missing_data", "put the data where"),
        ("while True: pass\n", "timed_out", '__name__ == "__main__"'),
        ("1 / 0\n", "import", "without an error"),
        ("def forward(x): ...\n", "not_recognised", "one of the forms"),
    ],
)
def test_what_was_not_compared_is_not_judged(text, code, told, tmp_path, capsys):
    path = tmp_path / "net.py"
    path.write_text(text)
    assert main([str(path), "--json", "--seconds", "2"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "not judged"
    assert report["first_divergence"] is None
    assert report["not_judged"]["code"] == code
    assert told in report["not_judged"]["reason"] + report["not_judged"]["next_step"]


def test_a_refusal_lists_what_the_file_contains(tmp_path, capsys):
    path = tmp_path / "net.py"
    path.write_text(
        "class Net:\n    def __init__(self, sizes): ...\n    def train(self, x, y=None): ...\n"
        "def sigmoid(z): ...\n"
    )
    assert main([str(path)]) == 2
    text = capsys.readouterr().out
    assert "class Net: __init__(sizes), train(x, y=None)" in text
    assert "def sigmoid(z)" in text
    assert "full_forward_propagation(X, params_values" in " ".join(text.split())
