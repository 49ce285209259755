"""What a user's file imports is looked for where it is mostly started from."""

import json

from experiments.check.user.loading import import_folders


def test_a_folder_above_counts_where_it_holds_what_is_imported(tmp_path):
    inner = tmp_path / "nets" / "models"
    inner.mkdir(parents=True)
    (tmp_path / "activation_rules.py").touch()
    file = inner / "network.py"
    file.write_text("from nets import layers\nimport activation_rules\n")
    assert import_folders(file) == [inner, tmp_path]
    file.write_text("import numpy as np\nfrom . import other\n")
    assert import_folders(file) == [inner]
    file.write_text("print 'Python 2'\n")
    assert import_folders(file) == [inner]
    book = inner / "network.ipynb"
    cell = {"cell_type": "code", "source": ["import activation_rules\n"]}
    book.write_text(json.dumps({"cells": [cell]}))
    assert import_folders(book) == [inner, tmp_path]
