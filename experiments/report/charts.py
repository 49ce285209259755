"""The page's interactive charts: Vega-Lite specifications without data, made once per page.

The page's script puts each trial's data in. Colours are the style sheet's, so that the light, the
dark and the printed page need no charts of their own.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import altair as alt

SIDES = ("keras", "scratchnet")
"""Keras is broad and lies below, so that scratchnet does not hide it."""

CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    # The text alternative of the whole chart says what a mark at a time cannot.
    "mark": {"aria": False, "invalid": "break-paths-show-domains"},
    "axis": {
        "aria": False,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "tickCount": 5,
        "labelOverlap": True,
        "gridWidth": 1,
    },
    # Charts that stand above one another have their axes above one another.
    "axisY": {"minExtent": 44},
    "legend": {"aria": False, "labelFontSize": 11, "titleFontSize": 11},
    "scale": {"barBandPaddingInner": 0.3},
}

_SIDE_COLOURS = alt.Scale(
    domain=["keras", "scratchnet"], range=["var(--keras)", "var(--scratchnet)"]
)


@cache
def chart_specifications() -> dict[str, dict[str, Any]]:
    """Return all specifications by name, as plain data."""
    charts = {
        "loss": _curves("loss", "loss", height=200, zero=False),
        "accuracy": _curves("accuracy", "accuracy, share of samples", height=200, zero=False),
        "difference": _difference(),
        "seconds": _seconds(),
        "plane": _plane(),
        "accuracies": _accuracies(),
        "speeds": _speeds(),
        "crossover": _crossover(),
        "ratios": _ratios(),
    }
    return {name: _plain(chart) for name, chart in charts.items()}


def _plain(chart: Any) -> dict[str, Any]:
    specification: dict[str, Any] = chart.to_dict()
    # The page has one configuration for all.
    for needless in ("config", "$schema"):
        specification.pop(needless, None)
    return specification


def _curves(curve: str, title: str, *, height: int, zero: bool) -> Any:
    """Both sides' curve on training data (whole line) and test data (dashes)."""
    base = alt.Chart(alt.NamedData("curves")).encode(x=_epochs())
    layers = []
    for side in SIDES:
        width = {"keras": 6, "scratchnet": 1.8}[side]
        for prefix, dash in (("", [1, 0]), ("val_", [5, 4])):
            layers.append(
                base.mark_line(strokeWidth=width, strokeDash=dash, color=f"var(--{side})").encode(
                    y=alt.Y(f"{side}_{prefix}{curve}:Q", title=title, scale=alt.Scale(zero=zero))
                )
            )
    pointed = [
        alt.Tooltip(f"{side}_{prefix}{curve}:Q", title=f"{name}, {part}", format=".6g")
        for side, name in (("scratchnet", "scratchnet"), ("keras", "Keras"))
        for prefix, part in (("", "training"), ("val_", "test"))
    ]
    return alt.layer(*layers, _pointer(base, pointed)).properties(width="container", height=height)


def _difference() -> Any:
    """The difference of the losses on a log axis, over what one-ulp perturbations can do."""
    base = alt.Chart(alt.NamedData("curves")).encode(x=_epochs())
    axis = alt.Axis(format="~e", tickCount=4, ticks=False)
    scale = alt.Scale(type="log", domain=alt.ExprRef("[lowest, highest]"), clamp=True, nice=False)
    envelope = base.mark_area(color="var(--envelope)", line=False, opacity=1).encode(
        y=alt.Y("envelope:Q", scale=scale, axis=axis, title="|difference| of loss"),
        y2=alt.Y2("floor:Q"),
    )
    # Points, because epochs of equal losses leave gaps that would hide a lone difference.
    difference = base.mark_circle(size=9, color="var(--ink)", opacity=1).encode(
        y=alt.Y("difference:Q", scale=scale)
    )
    pointed = [
        alt.Tooltip("difference:Q", format=".2e"),
        alt.Tooltip("envelope:Q", title="one more perturbed run, at most", format=".2e"),
    ]
    return (
        alt.layer(envelope, difference, _pointer(base, pointed))
        .properties(width="container", height=130)
        .add_params(alt.param(name="lowest", value=1e-17), alt.param(name="highest", value=1))
    )


def _epochs() -> Any:
    return alt.X("epoch:Q", title="epoch", scale=alt.Scale(nice=False, zero=False))


def _pointer(base: Any, tooltip: list[Any]) -> Any:
    """A vertical line at the epoch that is pointed at, with the values there."""
    nearest = alt.selection_point(
        fields=["epoch"], nearest=True, on="pointermove", clear="pointerout", empty=False
    )
    return (
        base.mark_rule(color="var(--ink)")
        .encode(
            opacity=alt.condition(nearest, alt.value(0.5), alt.value(0)),
            tooltip=[alt.Tooltip("epoch:Q", format=","), *tooltip],
        )
        .add_params(nearest)
    )


def _seconds() -> Any:
    """Every measured epoch of both sides, their quartiles and medians, on a log axis."""
    x = alt.X(
        "milliseconds:Q",
        title="milliseconds per epoch (log scale)",
        scale=alt.Scale(type="log", nice=False, padding=14),
        axis=alt.Axis(format="~g"),
    )
    y = alt.Y("side:N", title=None, sort=["scratchnet", "Keras"], scale=alt.Scale(padding=0.2))
    colour = alt.Color(
        "side:N",
        legend=None,
        scale=alt.Scale(
            domain=["Keras", "scratchnet"], range=["var(--keras)", "var(--scratchnet)"]
        ),
    )
    dots = (
        alt.Chart(alt.NamedData("epochs"))
        .mark_circle(size=16, opacity=0.55)
        .encode(
            x=x,
            y=y,
            yOffset=alt.YOffset("jitter:Q", scale=alt.Scale(domain=[-1, 1])),
            color=colour,
            tooltip=["side:N", alt.Tooltip("milliseconds:Q", format=".3g")],
        )
    )
    boxes = alt.Chart(alt.NamedData("quartiles"))
    half = boxes.mark_rule(strokeWidth=2, color="var(--ink)").encode(x=x, x2="high:Q", y=y)
    middle = boxes.mark_tick(thickness=3, size=26, color="var(--ink)").encode(
        x=alt.X("median:Q"), y=y, tooltip=["side:N", alt.Tooltip("median:Q", format=".3g")]
    )
    half = half.encode(x=alt.X("low:Q"))
    return alt.layer(dots, half, middle).properties(width="container", height=130)


def _plane() -> Any:
    """A picture of the plane, the lines where the class changes, and the held-out samples."""
    x = alt.X(
        "x:Q",
        title="x₁",
        scale=alt.Scale(domain=alt.ExprRef("[left, right]"), nice=False),
        axis=alt.Axis(grid=False),
    )
    y = alt.Y(
        "y:Q",
        title="x₂",
        scale=alt.Scale(domain=alt.ExprRef("[bottom, top]"), nice=False),
        axis=alt.Axis(grid=False, minExtent=28),
    )
    picture = (
        alt.Chart(alt.NamedData("picture"))
        .mark_image(
            aspect=False,
            x=0,
            y=0,
            width=alt.ExprRef("width"),
            height=alt.ExprRef("height"),
            align="left",
            baseline="top",
        )
        .encode(url="url:N")
    )
    lines = (
        alt.Chart(alt.NamedData("lines"))
        .mark_line(strokeWidth=1.6, clip=True)
        .encode(
            x=x,
            y=y,
            detail="line:N",
            order="order:Q",
            color=alt.Color("colour:N", scale=None),
            strokeDash=alt.StrokeDash("dash:N", scale=None),
        )
    )
    samples = (
        alt.Chart(alt.NamedData("samples"))
        .mark_point(filled=True, size=26, stroke="white", strokeWidth=0.7, opacity=1, clip=True)
        .encode(
            x=x,
            y=y,
            shape=alt.Shape(
                "class:N",
                legend=None,
                scale=alt.Scale(
                    domain=list(range(6)),
                    range=["circle", "triangle-up", "square", "diamond", "cross", "triangle-down"],
                ),
            ),
            color=alt.Color("colour:N", scale=None),
        )
    )
    ends = [
        alt.param(name=name, value=value)
        for name, value in (("left", 0), ("right", 1), ("bottom", 0), ("top", 1))
    ]
    return (
        alt.layer(picture, lines, samples)
        .properties(width="container", height=230)
        .add_params(*ends)
    )


def _accuracies() -> Any:
    """A dot per trial: one side's test accuracy against the other's."""
    scale = alt.Scale(domain=alt.ExprRef("[lowest, highest]"), nice=False)
    x = alt.X("keras:Q", title="test accuracy, Keras", scale=scale)
    y = alt.Y("scratchnet:Q", title="test accuracy, scratchnet", scale=scale)
    equal = alt.Chart(alt.NamedData("diagonal")).mark_line(color="var(--soft)").encode(x=x, y=y)
    dots = (
        alt.Chart(alt.NamedData("trials"))
        .mark_point(
            filled=True, size=70, opacity=0.65, color="var(--scratchnet)", stroke="var(--page)"
        )
        .encode(
            x=x,
            y=y,
            tooltip=[
                "trial:N",
                alt.Tooltip("scratchnet:Q", format=".4f"),
                alt.Tooltip("keras:Q", title="Keras", format=".4f"),
            ],
        )
    )
    return (
        alt.layer(equal, dots)
        .properties(width="container", height=280)
        .add_params(alt.param(name="lowest", value=0), alt.param(name="highest", value=1))
    )


def _speeds() -> Any:
    """How many times faster, over the number of weights, with intervals."""
    base = alt.Chart(alt.NamedData("trials"))
    x = alt.X(
        "parameters:Q",
        title="weights of the network (log scale)",
        scale=alt.Scale(type="log", padding=14),
        axis=alt.Axis(format="~s"),
    )
    title = "times faster (log scale)"
    scale = alt.Scale(type="log")
    axis = alt.Axis(format=",~g")
    colour = alt.Color(
        "batch:N",
        title="batch size",
        sort=alt.EncodingSortField("batch_order"),
        scale=alt.Scale(range=[f"var(--group-{number})" for number in range(7)]),
        legend=alt.Legend(orient="top", columns=4),
    )
    bars = base.mark_rule(strokeWidth=1.5).encode(
        x=x, y=alt.Y("low:Q", title=title, scale=scale, axis=axis), y2="high:Q", color=colour
    )
    dots = base.mark_point(filled=True, size=70, opacity=0.9).encode(
        x=x,
        y=alt.Y("ratio:Q", scale=scale),
        color=colour,
        shape=alt.Shape(
            "dtype:N", title="dtype", legend=alt.Legend(orient="top", symbolFillColor="var(--ink)")
        ),
        tooltip=[
            "trial:N",
            alt.Tooltip("ratio:Q", title="times faster", format=".3g"),
            alt.Tooltip("low:Q", title="from", format=".3g"),
            alt.Tooltip("high:Q", title="to", format=".3g"),
        ],
    )
    equal = (
        alt.Chart(alt.NamedData("equal"))
        .mark_rule(strokeDash=[5, 4], color="var(--ink)")
        .encode(y=alt.Y("ratio:Q", scale=scale))
    )
    return alt.layer(equal, bars, dots).properties(width="container", height=280)


def _crossover() -> Any:
    """Speed over width and batch size in powers of two, with the line of equality."""
    powers = "format(pow(2, datum.value), ',')"
    whole: dict[str, Any] = {"grid": False, "labelExpr": powers, "tickMinStep": 1, "tickCount": 14}
    x = alt.X(
        "left:Q",
        title="width: inputs, and units of each hidden layer",
        scale=alt.Scale(nice=False, zero=False),
        axis=alt.Axis(**whole),
    )
    y = alt.Y(
        "bottom:Q",
        title="batch size, samples",
        scale=alt.Scale(nice=False, zero=False),
        axis=alt.Axis(**whole),
    )
    points = alt.Chart(alt.NamedData("points"))
    cells = points.mark_rect(stroke="var(--page)").encode(
        x=x,
        x2="right:Q",
        y=y,
        y2="top:Q",
        color=alt.Color("colour:N", scale=None),
        tooltip=[
            alt.Tooltip("width:Q", format=","),
            alt.Tooltip("batch:Q", title="batch size", format=","),
            alt.Tooltip("ratio:Q", title="times faster", format=".3g"),
            "how:N",
        ],
    )
    figures = points.mark_text(fontSize=10).encode(
        x="middle_x:Q",
        y="middle_y:Q",
        text="label:N",
        color=alt.Color("text_colour:N", scale=None),
    )
    # The line makes room for a figure that it crosses.
    halo = figures.mark_text(fontSize=10, strokeWidth=4).encode(
        stroke=alt.Stroke("colour:N", scale=None)
    )
    equal = (
        alt.Chart(alt.NamedData("lines"))
        .mark_line(strokeWidth=2.5, color="#111111", clip=True)
        .encode(x="x:Q", y="y:Q", detail="line:N", order="order:Q")
    )
    return alt.layer(cells, equal, halo, figures).properties(width="container", height=340)


def _ratios() -> Any:
    """New over old time per epoch of each trial, with intervals; the page sets the height."""
    base = alt.Chart(alt.NamedData("trials"))
    title = "new over old time per epoch (log scale)"
    scale = alt.Scale(type="log", nice=False, padding=14)
    axis = alt.Axis(format="~g")
    y = alt.Y("trial:N", title=None, sort=None, axis=alt.Axis(labelLimit=130))
    bars = base.mark_rule(strokeWidth=1.5, color="var(--scratchnet)").encode(
        x=alt.X("low:Q", title=title, scale=scale, axis=axis), x2="high:Q", y=y
    )
    dots = base.mark_point(filled=True, size=60, opacity=1, color="var(--scratchnet)").encode(
        x=alt.X("ratio:Q", scale=scale),
        y=y,
        tooltip=[
            "trial:N",
            alt.Tooltip("ratio:Q", format=".3g"),
            alt.Tooltip("low:Q", title="from", format=".3g"),
            alt.Tooltip("high:Q", title="to", format=".3g"),
        ],
    )
    equal = (
        alt.Chart(alt.NamedData("equal"))
        .mark_rule(strokeDash=[5, 4], color="var(--ink)")
        .encode(x=alt.X("ratio:Q", scale=scale))
    )
    return alt.layer(equal, bars, dots).properties(width="container", height=22)


@cache
def chart_library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script that needs no network."""
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # Its names stay its own; and no text in it may end the page's script element.
    return f"(() => {{{bundle}}})();".replace("</script", "<\\/script")
