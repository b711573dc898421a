"""Any small world and any policy, for properties: credits, taxes and fees of the bill, owners of every kind, money below zero."""

from __future__ import annotations

from decimal import Decimal as D  # noqa: N817

from hypothesis import strategies as st

from costlens.allocate import DRIVERS, Policy, Rule, Spread

from .world import World

money = st.decimals("0", "1000", places=12)
owners = st.sampled_from([None, "a/growth", "a/sales", "a/core", "team:labs", "team:Ünï=1"])
hours = st.integers(0, 60)
pools = st.sampled_from(["A", "B", "C"])
currencies = st.sampled_from([("shop", "USD"), ("lake", "EUR")])
spreads = st.one_of(
    st.sampled_from([Spread(by_) for by_ in ("separate", *DRIVERS)]),
    st.just(Spread("fixed", (("growth", D("0.333")), ("nobody-else", D("0.667"))))),
    st.just(Spread("even", among=("growth", "sales", "labs"))),
)
matches = st.sampled_from(
    [
        (("team", ("platform", "labs")),),
        (("category", ("idle",)), ("pool", ("A",))),
        (("category", ("st*",)),),
        (("pool", ("b",)),),
        (("user", ("x",)),),
        (("source", ("lake",)), ("category", ("query",))),
    ]
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World()
    for _ in range(draw(st.integers(0, 12))):
        source, currency = draw(currencies)
        start = draw(st.integers(0, 58))
        world.query(
            draw(hours), str(draw(money)), draw(owners), pool=draw(pools), start=start,
            end=draw(st.integers(start + 1, 60)), source=source, currency=currency,
        )  # fmt: skip
    for _ in range(draw(st.integers(0, 8))):
        source, currency = draw(currencies)
        world.idle(draw(hours), str(draw(money)), pool=draw(pools), source=source, currency=currency)
    for _ in range(draw(st.integers(0, 6))):
        source, currency = draw(currencies)
        category = draw(st.sampled_from(["storage", "adjustment", "overhead", "other"]))
        cost = draw(st.decimals("-500", "500", places=12))
        world.line(draw(hours), str(cost), category, draw(owners), source=source, currency=currency)
    for _ in range(draw(st.integers(0, 3))):
        source, currency = draw(currencies)
        service, kind = draw(st.sampled_from([("CREDIT", "credit"), ("VAT", "tax"), ("Premium support", "other")]))
        cost = draw(st.decimals("-500", "500", places=12))
        world.line(draw(hours), str(cost), "other", source=source, currency=currency, service=service, bill_kind=kind)
    for _ in range(draw(st.integers(0, 3))):
        world.suspend(draw(hours), draw(st.integers(0, 59)), draw(pools))
    return world


policies = st.builds(
    Policy,
    idle=st.sampled_from(["fair", "causal", "separate"]),
    unattributed=spreads,
    bill=spreads,
    rules=st.lists(st.builds(Rule, name=st.just("r"), spread=spreads, match=matches), max_size=3).map(tuple),
)
