"""The rules that a FOCUS file is checked by, as data: each a condition in SQL that is true of a row which breaks it.

Columns come as text (`"Name"`), already null where the file has a null; decimals and instants also as `n_Name` and `t_Name`, null where
they cannot be read. A rule is asked only where all the columns that it names are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from costlens.focus.columns import BY_NAME, COLUMNS, CURRENCIES, SUBCATEGORIES


@dataclass(frozen=True)
class Rule:
    """One rule: what must hold, the condition of a row that breaks it, and the columns that it needs."""

    id: str
    says: str
    broken: str
    columns: tuple[str, ...]
    is_error: bool = True


def _list(values: object) -> str:
    return ", ".join("'" + str(value).replace("'", "''") + "'" for value in values)  # type: ignore[attr-defined]


def _of_types(names: set[str]) -> Iterator[Rule]:
    for column in COLUMNS:
        name = column.name
        if name not in names:
            continue
        if not column.nullable:
            yield Rule(f"{name}-null", "is never null", f'"{name}" is null', (name,))
        if column.type == "decimal":
            wrong = f'"{name}" is not null and (n_{name} is null or not regexp_full_match("{name}", \'{_DECIMAL}\'))'
            yield Rule(f"{name}-decimal", "is a plain decimal: no +, comma, sign of a currency or unit", wrong, (name,))
        if column.type == "instant":
            wrong = f'"{name}" is not null and not regexp_full_match("{name}", \'{_INSTANT}\')'
            yield Rule(f"{name}-instant", "is written YYYY-MM-DDTHH:mm:ssZ, in UTC", wrong, (name,))
        if column.type == "json":
            is_object = _of_valid(name, f"json_type(\"{name}\") = 'OBJECT'")
            wrong = f'"{name}" is not null and not ({is_object})'
            yield Rule(f"{name}-json", "is a JSON object", wrong, (name,))
        if column.values:
            wrong = f'"{name}" is not null and "{name}" not in ({_list(column.values)})'
            yield Rule(f"{name}-value", f"is one of {', '.join(column.values)}", wrong, (name,))


_DECIMAL = r"-?\d+(\.\d+)?([eE]-?\d+)?"
_INSTANT = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?Z"
#: A row of use or purchase that is no correction: it must say what was priced.
_PRICED = "\"ChargeCategory\" in ('Usage', 'Purchase') and \"ChargeClass\" is null"
_KNOWN = ("ChargeCategory", "ChargeClass")


def _of_valid(name: str, condition: str) -> str:
    """Return a condition that is asked of JSON that can be read: DuckDB asks both sides of an `and`, and fails on the rest."""
    return f'case when json_valid("{name}") then {condition} else false end'


def _flat(name: str) -> str:
    """Return the condition of a JSON object that holds another, or a list."""
    values = f"json_extract(\"{name}\", '$.*')"
    return _of_valid(name, f"list_bool_or(list_transform({values}, lambda v: json_type(v) in ('OBJECT', 'ARRAY')))")


def _doubled(name: str) -> str:
    keys = f'json_keys("{name}")'
    return _of_valid(name, f"len({keys}) <> len(list_distinct({keys}))")


def _differs(cost: str, price: str, quantity: str) -> str:
    """Return the condition of a cost that is not price x quantity, to rounding."""
    product = f"(n_{price} * n_{quantity})"
    return f"abs(n_{cost} - {product}) > greatest(1e-6, abs({product}) * 1e-4)"


def _rule(id_: str, says: str, broken: str, *columns: str, is_error: bool = True) -> Rule:
    return Rule(id_, says, broken, columns, is_error)


def _of_money() -> Iterator[Rule]:
    for name in ("BillingCurrency",):
        yield _rule(f"{name}-iso4217", "is a code of ISO 4217", f'"{name}" not in ({_list(sorted(CURRENCIES))})', name)
    for side in ("Contracted", "List"):
        price, cost = f"{side}UnitPrice", f"{side}Cost"
        yield _rule(
            f"{cost}-product",
            f"is {price} x PricingQuantity, to rounding",
            f"{_PRICED} and {_differs(cost, price, 'PricingQuantity')}",
            cost, price, "PricingQuantity", *_KNOWN,
        )  # fmt: skip
        yield _rule(f"{price}-negative", "is never below zero", f"n_{price} < 0", price)
        yield _rule(
            f"{price}-tax",
            "is null for Tax",
            f'"ChargeCategory" = \'Tax\' and "{price}" is not null',
            price, "ChargeCategory",
        )  # fmt: skip
        yield _rule(
            f"{price}-priced",
            "is there for Usage and Purchase that is no correction",
            f'{_PRICED} and "{price}" is null',
            price, *_KNOWN,
        )  # fmt: skip
    yield _rule(
        "PricingCurrencyEffectiveCost-same",
        "is EffectiveCost where pricing and billing currency agree",
        '"PricingCurrency" = "BillingCurrency" and abs(n_PricingCurrencyEffectiveCost - n_EffectiveCost) > 1e-6',
        "PricingCurrencyEffectiveCost", "EffectiveCost", "PricingCurrency", "BillingCurrency",
    )  # fmt: skip
    yield _rule(
        "BilledCost-resold",
        "is 0 where the invoice issuer is not the provider, unless resold",
        '"InvoiceIssuerName" <> "ProviderName" and n_BilledCost <> 0',
        "BilledCost", "InvoiceIssuerName", "ProviderName", is_error=False,
    )  # fmt: skip


def _of_quantities() -> Iterator[Rule]:
    for what in ("Pricing", "Consumed", "CommitmentDiscount"):
        quantity, unit = f"{what}Quantity", f"{what}Unit"
        yield _rule(
            f"{unit}-both", f"is null exactly where {quantity} is",
            f'("{quantity}" is null) <> ("{unit}" is null)', unit, quantity,
        )  # fmt: skip
    yield _rule(
        "PricingQuantity-priced", "is there for Usage and Purchase that is no correction",
        f'{_PRICED} and "PricingQuantity" is null', "PricingQuantity", *_KNOWN,
    )  # fmt: skip
    yield _rule(
        "PricingQuantity-tax", "is null for Tax",
        '"ChargeCategory" = \'Tax\' and "PricingQuantity" is not null', "PricingQuantity", "ChargeCategory",
    )  # fmt: skip
    yield _rule(
        "ConsumedQuantity-usage", "is null unless ChargeCategory is Usage",
        '"ChargeCategory" <> \'Usage\' and "ConsumedQuantity" is not null', "ConsumedQuantity", "ChargeCategory",
    )  # fmt: skip
    yield _rule(
        "PricingCategory-tax", "is null for Tax",
        '"ChargeCategory" = \'Tax\' and "PricingCategory" is not null', "PricingCategory", "ChargeCategory",
    )  # fmt: skip
    yield _rule(
        "PricingCategory-priced", "is there for Usage and Purchase that is no correction",
        f'{_PRICED} and "PricingCategory" is null', "PricingCategory", *_KNOWN,
    )  # fmt: skip
    for name in ("SkuId", "SkuPriceId"):
        yield _rule(
            f"{name}-priced", "is there for Usage and Purchase that is no correction",
            f'{_PRICED} and "{name}" is null', name, *_KNOWN,
        )  # fmt: skip
    yield _rule(
        "ChargeFrequency-purchase", "is not Usage-Based for a Purchase",
        "\"ChargeCategory\" = 'Purchase' and \"ChargeFrequency\" = 'Usage-Based'", "ChargeFrequency", "ChargeCategory",
    )  # fmt: skip


def _of_periods() -> Iterator[Rule]:
    for what in ("Billing", "Charge"):
        start, end = f"{what}PeriodStart", f"{what}PeriodEnd"
        yield _rule(
            f"{what}Period-order", f"{start} is before {end}, which is exclusive", f"t_{start} >= t_{end}", start, end
        )
    yield _rule(
        "ChargePeriod-billing", "begins before its billing period ends",
        "t_ChargePeriodStart >= t_BillingPeriodEnd", "ChargePeriodStart", "BillingPeriodEnd",
    )  # fmt: skip
    yield _rule(
        "ChargeClass-period", "is Correction where the charge lies wholly before its billing period",
        "t_ChargePeriodEnd <= t_BillingPeriodStart and \"ChargeClass\" is null and \"ChargeCategory\" = 'Usage'",
        "ChargePeriodEnd", "BillingPeriodStart", *_KNOWN, is_error=False,
    )  # fmt: skip


def _of_pairs() -> Iterator[Rule]:
    for name, other in (
        ("RegionName", "RegionId"),
        ("BillingAccountType", "BillingAccountId"),
        ("SubAccountName", "SubAccountId"),
        ("SubAccountType", "SubAccountId"),
        ("ResourceName", "ResourceId"),
        ("ResourceType", "ResourceId"),
        ("CommitmentDiscountName", "CommitmentDiscountId"),
        ("CommitmentDiscountType", "CommitmentDiscountId"),
        ("CommitmentDiscountCategory", "CommitmentDiscountId"),
        ("AllocatedResourceName", "AllocatedResourceId"),
        ("AllocatedMethodDetails", "AllocatedMethodId"),
    ):
        yield _rule(
            f"{name}-alone",
            f"is null where {other} is null",
            f'"{name}" is not null and "{other}" is null',
            name,
            other,
        )
    for kind in ("CapacityReservation", "CommitmentDiscount"):
        yield _rule(
            f"{kind}Status-usage", f"is there for Usage with {kind}Id",
            f'"ChargeCategory" = \'Usage\' and "{kind}Id" is not null and "{kind}Status" is null',
            f"{kind}Status", f"{kind}Id", "ChargeCategory",
        )  # fmt: skip
    branches = " or ".join(
        f"(\"ServiceSubcategory\" = '{sub}' and \"ServiceCategory\" <> '{parent}')"
        for sub, parent in SUBCATEGORIES.items()
    )
    yield _rule(
        "ServiceSubcategory-parent", "belongs to its ServiceCategory", branches, "ServiceSubcategory", "ServiceCategory"
    )
    for name in ("Tags", "SkuPriceDetails", "AllocatedTags"):
        yield _rule(f"{name}-flat", "is one flat object: no value is an object or a list", _flat(name), name)
        yield _rule(f"{name}-keys", "has each key once", _doubled(name), name)
    elements = "json_extract(\"AllocatedMethodDetails\", '$.Elements')"
    yield _rule(
        "AllocatedMethodDetails-elements", "has a list of Elements",
        _of_valid("AllocatedMethodDetails", f"coalesce(json_type({elements}), '') <> 'ARRAY'"),
        "AllocatedMethodDetails",
    )  # fmt: skip


def rules(names: set[str]) -> tuple[Rule, ...]:
    """Return the rules that can be asked of a file with these columns."""
    found = (*_of_types(names), *_of_money(), *_of_quantities(), *_of_periods(), *_of_pairs())
    return tuple(rule for rule in found if set(rule.columns) <= names)


def every_rule() -> tuple[Rule, ...]:
    """Return all rules there are."""
    return rules(set(BY_NAME))
