"""The columns of FOCUS 1.0 to 1.3, as data: type, since when, whether they must be there, and what they may hold.

After the FinOps Open Cost and Usage Specification (https://focus.finops.org), Community Specification License 1.0; the words here are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Type = Literal["text", "decimal", "instant", "json"]
Need = Literal["mandatory", "recommended", "conditional"]

VERSIONS = ("1.0", "1.1", "1.2", "1.3")


@dataclass(frozen=True)
class Column:
    """One column; `nullable` False = never null, `values` = the only ones allowed."""

    name: str
    type: Type
    need: Need
    nullable: bool
    since: str
    values: tuple[str, ...] = ()


CHARGE_CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
CHARGE_FREQUENCIES = ("One-Time", "Recurring", "Usage-Based")
PRICING_CATEGORIES = ("Standard", "Dynamic", "Committed", "Other")
SERVICE_CATEGORIES = (
    *("AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools"),
    *("Identity", "Integration", "Internet of Things", "Management and Governance", "Media", "Migration", "Mobile"),
    *("Multicloud", "Networking", "Security", "Storage", "Web", "Other"),
)
#: Subcategories of which we know the one category that they belong to.
SUBCATEGORIES = {
    "Data Warehouses": "Databases",
    "Other (Databases)": "Databases",
    "Analytics Platforms": "Analytics",
    "Data Processing": "Analytics",
    "Streaming Analytics": "Analytics",
    "Search": "Analytics",
    "Business Intelligence": "Analytics",
    "Other (Analytics)": "Analytics",
    "AI Platforms": "AI and Machine Learning",
    "Generative AI": "AI and Machine Learning",
    "Machine Learning": "AI and Machine Learning",
    "Other (AI and Machine Learning)": "AI and Machine Learning",
    "Containers": "Compute",
    "Serverless Compute": "Compute",
    "Storage Platforms": "Storage",
    "Backup Storage": "Storage",
    "Object Storage": "Storage",
    "Other (Storage)": "Storage",
    "Workflow Orchestration": "Integration",
    "Messaging": "Integration",
    "Network Connectivity": "Networking",
    "Other (Networking)": "Networking",
    "Cost Management": "Management and Governance",
    "Data Governance": "Management and Governance",
    "Disaster Recovery": "Management and Governance",
    "Observability": "Management and Governance",
    "Support": "Management and Governance",
    "Other (Other)": "Other",
}
_VALUES = {
    "CapacityReservationStatus": ("Used", "Unused"),
    "ChargeCategory": CHARGE_CATEGORIES,
    "ChargeClass": ("Correction",),
    "ChargeFrequency": CHARGE_FREQUENCIES,
    "CommitmentDiscountCategory": ("Spend", "Usage"),
    "CommitmentDiscountStatus": ("Used", "Unused"),
    "PricingCategory": PRICING_CATEGORIES,
    "ServiceCategory": SERVICE_CATEGORIES,
}
_TYPES: dict[str, Type] = {"S": "text", "D": "decimal", "T": "instant", "J": "json"}
_NEEDS: dict[str, Need] = {"M": "mandatory", "R": "recommended", "C": "conditional"}
#: name, type, need, `!` = never null, version. Columns stand in FOCUS' own (alphabetical) order.
_TEXT = """
AvailabilityZone S R . 1.0
BilledCost D M ! 1.0
BillingAccountId S M ! 1.0
BillingAccountName S M . 1.0
BillingAccountType S C . 1.2
BillingCurrency S M ! 1.0
BillingPeriodEnd T M ! 1.0
BillingPeriodStart T M ! 1.0
CapacityReservationId S C . 1.1
CapacityReservationStatus S C . 1.1
ChargeCategory S M ! 1.0
ChargeClass S M . 1.0
ChargeDescription S M . 1.0
ChargeFrequency S R ! 1.0
ChargePeriodEnd T M ! 1.0
ChargePeriodStart T M ! 1.0
CommitmentDiscountCategory S C . 1.0
CommitmentDiscountId S C . 1.0
CommitmentDiscountName S C . 1.0
CommitmentDiscountQuantity D C . 1.1
CommitmentDiscountStatus S C . 1.0
CommitmentDiscountType S C . 1.0
CommitmentDiscountUnit S C . 1.1
ConsumedQuantity D C . 1.0
ConsumedUnit S C . 1.0
ContractedCost D M ! 1.0
ContractedUnitPrice D C . 1.0
EffectiveCost D M ! 1.0
InvoiceId S R . 1.2
InvoiceIssuerName S M ! 1.0
ListCost D M ! 1.0
ListUnitPrice D C . 1.0
PricingCategory S C . 1.0
PricingCurrency S C . 1.2
PricingCurrencyContractedUnitPrice D C . 1.2
PricingCurrencyEffectiveCost D C ! 1.2
PricingCurrencyListUnitPrice D C . 1.2
PricingQuantity D M . 1.0
PricingUnit S M . 1.0
ProviderName S M ! 1.0
PublisherName S M ! 1.0
RegionId S C . 1.0
RegionName S C . 1.0
ResourceId S C . 1.0
ResourceName S C . 1.0
ResourceType S C . 1.0
ServiceCategory S M ! 1.0
ServiceName S M ! 1.0
ServiceSubcategory S R ! 1.1
SkuId S C . 1.0
SkuMeter S C . 1.1
SkuPriceDetails J C . 1.1
SkuPriceId S C . 1.0
SubAccountId S C . 1.0
SubAccountName S C . 1.0
SubAccountType S C . 1.2
Tags J C . 1.0
AllocatedMethodDetails J C . 1.3
AllocatedMethodId S C . 1.3
AllocatedResourceId S C . 1.3
AllocatedResourceName S C . 1.3
AllocatedTags J C . 1.3
HostProviderName S M ! 1.3
ServiceProviderName S M ! 1.3
"""


def _columns() -> tuple[Column, ...]:
    found = []
    for row in _TEXT.split("\n"):
        if row:
            name, kind, need, null, since = row.split()
            found.append(Column(name, _TYPES[kind], _NEEDS[need], null == ".", since, _VALUES.get(name, ())))
    return tuple(found)


COLUMNS = _columns()
BY_NAME = {column.name: column for column in COLUMNS}
_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP
COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD
JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN
NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS
TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT
XSU XTS XUA XXX YER ZAR ZMW ZWG
"""
#: Active codes of ISO 4217.
CURRENCIES = frozenset(_CODES.split())
