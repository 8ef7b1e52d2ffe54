"""How long certificates are valid: what public CAs may do today, and what ours do.

Rule: dates and lengths only. Source: CA/Browser Forum, TLS Baseline Requirements, section 6.3.2, and ballot SC-081v3.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

LIMITS = (
    (date(2029, 3, 15), 47),
    (date(2027, 3, 15), 100),
    (date(2026, 3, 15), 200),
    (date(2020, 9, 1), 398),
    (date(2018, 3, 1), 825),
)
"""From which day on which number of days is the most, newest first. Ballot SC-081v3 (2025) brought 200, 100 and 47."""

LEAF = 47
"""Days that a certificate of ours is valid: within the limit of every year that is decided on."""
ROOT = 397
"""Days that a root of ours is valid. Public roots have years; ours has a key that lies on a student's disk."""
BACK = timedelta(hours=1)
"""How long before now a certificate begins: the peer's clock may be a little slow. Public CAs do the same."""


def longest(day: date | None = None) -> int:
    """The most days that a public CA may give a server's certificate that it issues on this day (default: today).

    Raises `ValueError` for a day before March 2018.
    """
    day = day or datetime.now(UTC).date()
    for since, days in LIMITS:
        if day >= since:
            return days
    raise ValueError(f"no limit is known for {day}: the table begins in March 2018")


def now() -> datetime:
    """The time, in whole seconds: a certificate knows no smaller ones (RFC 5280 section 4.1.2.5)."""
    return datetime.now(UTC).replace(microsecond=0)


def span(days: float, starts: datetime | None = None) -> tuple[datetime, datetime]:
    """First and last second of a certificate that is valid for so many days.

    Both seconds count (RFC 5280 section 4.1.2.5), so the last one is a second before the days are full.
    """
    first = starts or now() - BACK
    return first, first + timedelta(days=days) - timedelta(seconds=1)
