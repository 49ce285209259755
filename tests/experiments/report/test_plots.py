"""The pictures: which there are, and what stands on them."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from PIL import Image

from experiments.report import plots
from experiments.report.run_result import RunResult
from experiments.trials.own_files import OwnFiles
from experiments.trials.run_folder import Missing

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def folder(mixed_run, make_run, tmp_path_factory):
    """A run with one trial of each kind, and its pictures."""
    results = RunResult.load(mixed_run).results
    chosen = [results["wrong"], results["blobs"]]
    folder = make_run(tmp_path_factory.mktemp("pictures") / "run", "run", chosen)
    draw(RunResult.load(folder))
    return folder


def draw(run, **settings):
    with plots.drawn_beside(run, OwnFiles.open(run.folder), **settings) as promised:
        pass
    return promised


def words(folder, name):
    tree = ElementTree.parse(folder / "plots" / f"{name}.svg")
    return " ".join("".join(text.itertext()) for text in tree.iter(f"{SVG}text"))


def test_every_picture_is_there_as_png_and_svg(folder):
    names = {path.name for path in (folder / "plots").iterdir()}
    stems = [f"{trial}-{kind}" for trial in ("wrong", "blobs") for kind in plots.PICTURES]
    assert names == {
        f"{s}.{e}" for s in [*stems, "epoch-seconds", "across"] for e in ("png", "svg")
    }
    found = plots.existing_plots(RunResult.load(folder))
    assert found["wrong"]["curves"] == "plots/wrong-curves"


def test_what_is_promised_is_there_in_the_end(folder):
    run = RunResult.load(folder)
    assert draw(run) == plots.existing_plots(run)


def test_axes_have_labels_with_units(folder):
    curves = words(folder, "wrong-curves")
    for label in ("loss (nats)", "accuracy (share of samples)", "epoch", "|difference| (nats)"):
        assert label in curves
    assert "milliseconds per epoch (log scale)" in words(folder, "epoch-seconds")
    assert "training step (updates before it)" in words(folder, "wrong-agreement")
    assert "weights of the network" in words(folder, "across")


def test_captions_say_what_to_see(folder):
    assert "both sides learn the same" in words(folder, "wrong-curves")
    assert "the predicted class" in words(folder, "blobs-boundaries")
    assert "farther left is faster" in words(folder, "epoch-seconds")


def test_a_divergence_is_marked(folder):
    assert words(folder, "wrong-agreement").count("≠") == 2
    assert words(folder, "blobs-agreement").count("≠") == 1


def test_pictures_are_as_wide_as_a_page(folder):
    for path in (folder / "plots").glob("*.png"):
        width, height = Image.open(path).size
        assert 600 <= width <= 1200
        assert height <= 1200


def test_the_same_data_make_the_same_picture(folder):
    path = folder / "plots" / "wrong-curves.svg"
    before = path.read_bytes()
    draw(RunResult.load(folder))
    assert path.read_bytes() == before


def test_of_many_trials_only_some_have_pictures(folder, monkeypatch):
    monkeypatch.setattr(plots, "FEW", 1)
    monkeypatch.setattr(plots, "SOME", 1)
    monkeypatch.setattr(plots, "PICTURES", {"curves": plots.PICTURES["curves"]})
    run = RunResult.load(folder)
    draw(run)
    assert list(plots.existing_plots(run)["wrong"]) == ["curves"]
    assert plots.existing_plots(run)["blobs"] == {}
    draw(run, all_=True)
    assert list(plots.existing_plots(run)["blobs"]) == ["curves"]


def test_pictures_that_cannot_be_drawn_again_stay(folder):
    run = RunResult.load(folder)
    draw(run)
    picture = folder / "plots" / "wrong-curves.png"
    picture.write_bytes(b"of an earlier run")
    lost = replace(
        run,
        results={"blobs": run.results["blobs"]},
        missing={"wrong": Missing("not here", "its tables are missing")},
    )
    draw(lost)
    assert picture.read_bytes() == b"of an earlier run"
    draw(run)
    assert picture.read_bytes() != b"of an earlier run"
