"""Colours that stand in one chart are told apart, whatever colours one sees."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from costlens_dashboard import palette

#: Machado, Oliveira and Fernandes (2009): what linear RGB becomes for those who lack one kind of cone.
VISIONS = {
    "all": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
#: Distance in CIELAB; 2.3 is just noticed side by side.
APART = 15.0

CATEGORIES = palette.CATEGORIES
OF_AN_ASSET = {name: CATEGORIES[name] for name in CATEGORIES if name not in ("idle", "adjustment")}


def lab(colour: str, vision: str) -> np.ndarray:
    rgb = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    x, y, z = np.cbrt(XYZ @ np.clip(VISIONS[vision] @ linear, 0, 1) / WHITE)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize(
    "chart",
    [
        CATEGORIES,
        {**palette.PURPOSES, **OF_AN_ASSET},
        {"own": CATEGORIES["query"], "idle": CATEGORIES["idle"], **palette.CAUSES},
    ],
    ids=["categories", "an asset", "a pool"],
)
def test_colours_of_one_chart_are_told_apart(chart: dict[str, str], vision: str) -> None:
    near = {
        (a, b): round(float(np.linalg.norm(lab(chart[a], vision) - lab(chart[b], vision))))
        for a, b in combinations(chart, 2)
    }
    assert not {pair: distance for pair, distance in near.items() if distance < APART}


def test_no_two_things_have_one_colour() -> None:
    named = {**CATEGORIES, **palette.PURPOSES, **palette.CAUSES}
    assert len(set(named.values())) == len(named)
