import pytest

from experiments.check.conclusion import conclude
from experiments.check.examination import Examination
from experiments.check.not_judged import unrecognised
from experiments.check.report import Report
from experiments.check.source import Source
from experiments.check.user.process import UserProcess


@pytest.fixture
def run_alone(tmp_path):
    """Judge a network in a process of its own, against the reference alone."""

    def ran(text, seconds=8.0):
        path = tmp_path / "mine.py"
        path.write_text(text)
        source = Source.read(path)
        process = UserProcess(path, None)
        try:
            examination = Examination(process.ask, source.words, seconds)
            findings = examination.findings
            if not examination.recognise():
                return findings, Report(not_judged=unrecognised(findings, source))
            examination.try_cases()
        finally:
            process.kill()
        findings.printed = process.printed
        return findings, conclude(findings, source, ask_keras=None)

    return ran
