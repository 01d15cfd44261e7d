"""The contents of the batch profiles: slow aggregates over an entity's whole history, as of the end of a day (UTC).

They are computed by packages/contracts/profiles/<entity>.sql. A test of the columns ensures that both remain
consistent.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ProfileColumn:
    name: str
    type: Literal["BIGINT", "DOUBLE"]
    sentence: str


@dataclass(frozen=True)
class Profile:
    entity: str
    columns: tuple[ProfileColumn, ...]

    @property
    def view(self) -> str:
        return f"{self.entity}_profile"


CARD_PROFILE = Profile(
    "card",
    (
        ProfileColumn("card_payments_total", "BIGINT", "The card has made {value} payments."),
        ProfileColumn("card_active_days_total", "BIGINT", "The card has paid on {value} days."),
        ProfileColumn("card_amount_mean_total", "DOUBLE", "The card's mean amount is {value}."),
        ProfileColumn(
            "card_usual_hour",
            "BIGINT",
            "The card pays most often in hour {value} of the day (UTC), the earliest if several are equal.",
        ),
        ProfileColumn("card_first_paid_ms", "BIGINT", "The card first paid at {value}, milliseconds since the epoch."),
        ProfileColumn("card_home_latitude", "DOUBLE", "The card's payments have an average latitude of {value}°."),
        ProfileColumn("card_home_longitude", "DOUBLE", "The card's payments have an average longitude of {value}°."),
    ),
)

TERMINAL_PROFILE = Profile(
    "terminal",
    (
        ProfileColumn("terminal_payments_total", "BIGINT", "The terminal has taken {value} payments."),
        ProfileColumn("terminal_amount_mean_total", "DOUBLE", "The terminal's mean amount is {value}."),
        ProfileColumn("terminal_labels_total", "BIGINT", "{value} payments at this terminal are labelled."),
        ProfileColumn(
            "terminal_fraud_rate_total",
            "DOUBLE",
            "Share of fraud among the labelled payments at this terminal: {value}; null without labels.",
        ),
    ),
)

PROFILES = (CARD_PROFILE, TERMINAL_PROFILE)
