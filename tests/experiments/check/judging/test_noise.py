def test_a_right_network_is_never_divergent(right_network, check, source_of):
    report = check(source_of(right_network))
    assert report.verdict in ("rounding", "identical"), report.diagnosis
    assert report.first_divergence is None
    assert report.diagnosis is None
