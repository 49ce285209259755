"""A saved network goes on where it stood; what is no network is refused in a line."""

import io
import json
import zipfile

import numpy as np
import pytest

from scratchnet import (
    Adam,
    Architecture,
    Dense,
    Network,
    OptimizerState,
    SavedNetworkError,
    fit,
    load,
    save,
)
from scratchnet.layers import BatchNormalization, Dropout


@pytest.fixture
def network():
    """A network with noise and moving statistics, which a step changes too."""
    layers = (Dense(4, "relu"), BatchNormalization(), Dropout(0.3), Dense(1, "sigmoid"))
    return Network(Architecture((3,), layers, "binary_crossentropy"), seed=5, dtype="float32")


@pytest.fixture
def data():
    """Twenty samples."""
    random = np.random.RandomState(0)
    return random.randn(20, 3), random.randint(0, 2, 20)


@pytest.fixture
def saved(network, tmp_path):
    """A file with the network and its optimizer."""
    path = tmp_path / "network.npz"
    save(path, network, OptimizerState(Adam(), network.parameters), metrics=["accuracy"])
    return path


def test_training_goes_on_to_the_same_bits(network, data, tmp_path):
    state = OptimizerState(Adam(0.05), network.parameters)
    fit(network, *data, optimizer=state, epochs=2, batch_size=6, shuffle_seed=3)
    save(tmp_path / "network.npz", network, state)
    loaded, its_state, _ = load(tmp_path / "network.npz")
    for one, its in ((network, state), (loaded, its_state)):
        fit(one, *data, optimizer=its, epochs=5, initial_epoch=2, batch_size=6, shuffle_seed=3)
    np.testing.assert_array_equal(loaded.parameters.arena, network.parameters.arena)
    assert its_state.iterations == state.iterations == 20
    # And both as a training that never stopped.
    whole = Network(network.architecture, seed=5)
    its = OptimizerState(Adam(0.05), whole.parameters)
    fit(whole, *data, optimizer=its, epochs=5, batch_size=6, shuffle_seed=3)
    np.testing.assert_array_equal(loaded.parameters.arena, whole.parameters.arena)


def test_a_file_holds_what_was_saved(saved, network):
    loaded, state, metrics = load(saved)
    assert loaded.architecture == network.architecture
    assert (loaded.dtype, loaded.seed) == (network.dtype, 5)
    assert state.optimizer == Adam()
    assert metrics == ("accuracy",)


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
def test_a_network_saves_and_loads_itself(network, tmp_path, dtype):
    original = Network(network.architecture, seed=1, dtype=dtype)
    original.save(tmp_path / "a.npz")
    loaded = Network.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(loaded.parameters.arena, original.parameters.arena)
    assert loaded.dtype == np.dtype(dtype)
    assert load(tmp_path / "a.npz").optimizer is None


def test_a_file_is_plain_arrays_that_numpy_opens(saved, network):
    with np.load(saved, allow_pickle=False) as file:
        np.testing.assert_array_equal(
            file["weights/dense_1/kernel"], network.weights["dense_1/kernel"]
        )
        assert "slots/velocity/dense_1/kernel" in file


def rewrite(path, **changed):
    """Replace entries of a file; None leaves one out."""
    with np.load(path) as file:
        entries = {name: file[name] for name in file.files} | changed
    with open(path, "wb") as file:
        np.savez(file, **{name: value for name, value in entries.items() if value is not None})


def reheader(path, **changed):
    """Change entries of a file's description."""
    with np.load(path) as file:
        header = json.loads(str(file["network.json"])) | changed
    rewrite(path, **{"network.json": np.array(json.dumps(header))})


class Trap:
    """Would be called if a pickle were read."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was read",)


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    at = content.index(b"weights/dense_1/kernel.npy") + 180
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: p.write_bytes(b""), "not an .npz file, or cut short"),
        (lambda p: p.write_bytes(p.read_bytes()[:900]), "not an .npz file, or cut short"),
        (flip_a_byte, "damaged"),
        (lambda p: p.write_text("weights"), "not an .npz file, or cut short"),
        (lambda p: np.savez(p, a=np.ones(3)), "not a network of scratchnet"),
        (lambda p: np.savez(p, a=np.array(Trap())), "damaged (Object arrays cannot be loaded"),
        (lambda p: reheader(p, format_version=2), "by a later version"),
        (lambda p: reheader(p, format="other"), "not a network of scratchnet"),
        (lambda p: reheader(p, dtype="int8"), "dtype 'int8'"),
        (lambda p: reheader(p, architecture={"layers": 3}), "its description is damaged"),
        (lambda p: reheader(p, optimizer={"name": "adem"}), "adem"),
        (lambda p: rewrite(p, **{"weights/dense_1/kernel": None}), "weights/dense_1/kernel is mis"),
        (lambda p: rewrite(p, **{"weights/dense_1/bias": np.ones(9)}), "of the shape (9,)"),
        (lambda p: rewrite(p, extra=np.ones(9)), "extra belongs to no layer"),
    ],
)
def test_what_is_no_saved_network_is_refused_in_a_line(saved, spoil, words):
    spoil(saved)
    with pytest.raises(SavedNetworkError) as caught:
        load(saved)
    message = str(caught.value)
    assert message.startswith(f"{saved}: ")
    assert words in message
    assert "\n" not in message


def test_a_description_that_promises_more_than_the_file_holds_takes_no_memory(saved):
    huge = {"type": "dense", "units": 10**9}
    table = {"input_shape": [10**6], "loss": "mean_squared_error", "layers": [huge]}
    reheader(saved, architecture=table)
    with pytest.raises(SavedNetworkError, match="expected float32 of"):
        load(saved)


def test_a_failed_save_leaves_the_old_file(saved, network, tmp_path):
    before = saved.read_bytes()
    other = Network(network.architecture, seed=2)
    with pytest.raises(ValueError, match="another network"):
        save(saved, network, OptimizerState(Adam(), other.parameters))
    assert saved.read_bytes() == before
    assert list(tmp_path.iterdir()) == [saved]
    with pytest.raises(ValueError, match=r"ends in \.npz"):
        save(tmp_path / "network.keras", network)


def test_a_file_holds_no_pickle(saved):
    with zipfile.ZipFile(saved) as archive:
        for name in archive.namelist():
            np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
