#!/usr/bin/env python3
"""Fit the tables of the synthetic feed to a year of history.

Usage: ``python scripts/fit_calibration.py --history DIR``. A market is reduced to profiles by month and local hour, a
curve of quantiles and a few numbers, from which no single hour of the history can be recovered. The model is that of
decision 0020.
"""

import argparse
import json
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import psychrolib
from numpy.typing import NDArray

from mara.core.climate import SEA_LEVEL_PA
from mara.core.fleet import Site
from mara.core.units import HOURS_PER_DAY, MINUTES_PER_HOUR, SECONDS_PER_HOUR
from mara.feeds.files.history import History
from mara.feeds.files.history_file import read_history
from mara.feeds.files.history_fleet import fleet_of_history
from mara.feeds.files.site_fields import CLIMATE_BOUNDS
from mara.feeds.synthetic.calibration import MONTHS_PER_YEAR
from mara.feeds.synthetic.local_hours import DAYS_PER_YEAR, LocalClock, LocalHours, year_phase_share
from mara.feeds.synthetic.prices import HOURLY_SERIES, HOURS_PER_WEEK, WEEKLY_SERIES, components
from mara.feeds.synthetic.weather import DAILY_HUMIDITY_SLOPE_SHARE_PER_C, WARMEST_LOCAL_HOUR

Floats = NDArray[np.float64]

PROBABILITY_SHARE: Final = np.array(
    [
        *(0.0001, 0.0003, 0.001, 0.002, 0.004, 0.007, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.13, 0.16),
        *(0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.84, 0.87, 0.9, 0.92, 0.94, 0.95),
        *(0.96, 0.97, 0.98, 0.985, 0.99, 0.993, 0.995, 0.9965, 0.998, 0.999, 0.9995, 0.9998, 0.9999),
    ]
)
LAGS_H: Final = np.array(
    [1, 2, 3, 4, 5, 6, 9, 12, 15, 18, 21, 22, 23, 24, 25, 26, 30, 36, 42, 48, 60, 72, 96, 120, 168, 336]
)
KEY_LAGS_H: Final = (1, 24)
"""Lags at which the prices, not only their scores, must have the autocorrelation."""
KEY_WEIGHT: Final = 6.0
LEAST_WEEKLY_SHARE: Final = 0.04
ROUNDS: Final = 12
SIMULATED_YEARS: Final = 12
SIMULATION_SEED: Final = 1
LEAST_SD: Final = 0.05
HIGH_DEW_POINT_SHARE: Final = 0.995
NODES: Final = 400
OUT: Final = Path(__file__).parents[1] / "mara" / "data" / "calibration.json"
SOLAR: Final = "solar"
SOLAR_FROM: Final = "sanjose-us"
"""Site of which the shape `solar` is made, without its gas crisis of January 2023.

It is a sunny market that other places can name in their [site.market].
"""
DARK_HOURS: Final = (19, 6)
"""Local hours from and before which there is no sun."""
FIXED_PRICE_MARKETS: Final = {"contract": 0.01, "tariff": 0.0}
"""Relative standard deviation, by week, of prices that no market sets.

A power contract indexed to fuel and inflation, and a published tariff.
"""


@dataclass(frozen=True, kw_only=True)
class Marginal:
    """Distribution of a market's prices by month and hour, without their memory."""

    local: LocalHours
    mean: Floats  # (12, 24)
    sd: Floats  # (12, 24)
    weekend: Floats  # (24,)
    curve_score: Floats
    curve_price: Floats
    noise: Floats  # (N,)

    def score_of(self, noise: Floats, local: LocalHours) -> Floats:
        month, hour = local.month[:, 0], local.hour[:, 0]
        return self.mean[month, hour] + self.weekend[hour] * local.is_weekend[:, 0] + self.sd[month, hour] * noise

    def price_of(self, noise: Floats, local: LocalHours) -> Floats:
        return np.interp(self.score_of(noise, local), self.curve_score, self.curve_price)


def main() -> None:
    """Read a history, fit the market of each of its sites and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--history", type=Path, required=True, help="history folder with sites.csv")
    parser.add_argument("--year", type=int, default=2023, help="year to fit; 2022 was the European gas crisis")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    history = read_history(given.history)
    if history.step_minutes != MINUTES_PER_HOUR:
        parser.error(f"{given.history} should have hourly rows, has steps of {history.step_minutes} minutes")
    sites = fleet_of_history(history).sites
    year = history.for_sites([site.id for site in sites]).window(_new_year(given.year), _new_year(given.year + 1))
    shapes = _fitted(year, sites)
    for name, sd_share in FIXED_PRICE_MARKETS.items():
        shapes[name] = _fixed_market(sd_share)
    _write(given.out, {"year": given.year, "probability_share": PROBABILITY_SHARE.tolist(), "shapes": shapes})


def _fitted(year: History, sites: tuple[Site, ...]) -> dict[str, Any]:
    first, hours = year.first_epoch_s // SECONDS_PER_HOUR, year.step_count
    simulated_h = SIMULATED_YEARS * hours
    series = components(SIMULATION_SEED, first, first + simulated_h, len(sites))
    shapes = {}
    names = {site.id: site.id for site in sites} | {SOLAR: SOLAR_FROM}
    for name, site_id in names.items():
        column = year.site_ids.index(site_id)
        site = sites[column]
        clock = LocalClock((site.timezone,))
        local = clock.hours(first, first + hours)
        price = year.energy_price_usd_per_mwh[:, column]
        if name == SOLAR:
            price = _without_fuel(price, local)
        marginal = _marginal_of(price, local)
        later = clock.hours(first, first + simulated_h)
        share, report = _component_shares(price, marginal, series[:, :, column], later)
        sys.stderr.write(f"{name:14s} {report}\n")
        shapes[name] = {
            "lat_deg": site.lat_deg,
            "score_mean": marginal.mean.round(2).tolist(),
            "score_sd": marginal.sd.round(2).tolist(),
            "score_weekend": marginal.weekend.round(2).tolist(),
            "component_share": share.round(3).tolist(),
            "curve_score": marginal.curve_score.round(3).tolist(),
            "curve_price_usd_per_mwh": marginal.curve_price.round(2).tolist(),
            **_grid_mix(year, column, marginal),
            "climate": _climate(year, column, local),
        }
    return shapes


def _without_fuel(price: Floats, local: LocalHours) -> Floats:
    """Remove the fuel price from prices.

    Each month is scaled so that its dark hours cost the year's mean of the dark hours.
    """
    month, hour = local.month[:, 0], local.hour[:, 0]
    dark = (hour >= DARK_HOURS[0]) | (hour < DARK_HOURS[1])
    level = np.array([price[dark & (month == m)].mean() for m in range(MONTHS_PER_YEAR)])
    return np.asarray(price * (price[dark].mean() / level)[month])


def _marginal_of(price: Floats, local: LocalHours) -> Marginal:
    """Fit the profile of the normal scores, and the curve from scores to prices."""
    month, hour, weekend = local.month[:, 0], local.hour[:, 0], local.is_weekend[:, 0]
    score = _normal_scores(price)
    weekdays = _profile(score[~weekend], month[~weekend], hour[~weekend], np.mean)
    gap = score - weekdays[month, hour]
    shift = np.array([gap[weekend & (hour == h)].mean() for h in range(HOURS_PER_DAY)])
    shift = _smooth(shift)
    rest = score - shift[hour] * weekend
    mean = _smooth(_profile(rest, month, hour, np.mean))
    sd = np.maximum(_smooth(_profile(rest, month, hour, np.std)), LEAST_SD)
    noise = (rest - mean[month, hour]) / sd[month, hour]
    centre = mean[month, hour] + shift[hour] * weekend
    nodes = _gaussian((np.arange(NODES) + 0.5) / NODES)
    mixture = np.sort((centre[:, None] + sd[month, hour][:, None] * nodes).ravel())
    at = np.minimum((PROBABILITY_SHARE * len(mixture)).astype(int), len(mixture) - 1)
    return Marginal(
        local=local,
        mean=mean,
        sd=sd,
        weekend=shift,
        curve_score=mixture[at],
        curve_price=np.quantile(price, PROBABILITY_SHARE),
        noise=noise,
    )


def _component_shares(price: Floats, marginal: Marginal, series: Floats, later: LocalHours) -> tuple[Floats, str]:
    """Fit the variance of the noise by component (C,), with a line of report.

    Least squares on the autocorrelation of the scores; then the targets at `KEY_LAGS_H` are moved until the *prices*
    of a long simulation have the history's autocorrelation there.
    """
    basis = np.array([_autocorrelation_of_series(lag) for lag in LAGS_H])
    target = np.array([_autocorrelation(marginal.noise, lag) for lag in LAGS_H])
    wanted = np.array([_autocorrelation(price, lag) for lag in KEY_LAGS_H])
    key = np.searchsorted(LAGS_H, KEY_LAGS_H)
    weight = np.ones(len(LAGS_H))
    weight[key] = KEY_WEIGHT
    best, least, report = np.zeros(basis.shape[1]), np.inf, ""
    for _ in range(ROUNDS):
        share = _non_negative_fit(basis, target, weight)
        simulated = marginal.price_of(np.sqrt(share) @ series, later).reshape(SIMULATED_YEARS, -1)
        got = np.array([np.mean([_autocorrelation(year, lag) for year in simulated]) for lag in KEY_LAGS_H])
        miss = float(np.abs(got - wanted).max())
        if miss < least:
            best, least = share, miss
            means = f"mean {price.mean():.1f} got {simulated.mean():.1f}"
            report = f"autocorrelation {wanted.round(2)} got {got.round(2)}; {means}"
        target[key] = np.clip(target[key] + 0.7 * (wanted - got), 0.0, 0.999)
    return best, f"{report}; {best.round(2)}"


def _non_negative_fit(basis: Floats, target: Floats, weight: Floats) -> Floats:
    """Fit shares >= 0 that add up to 1 by coordinate descent.

    The last one, of the weekly level, is at least `LEAST_WEEKLY_SHARE` before they are scaled.
    """
    heavy = 20.0
    a = np.vstack([basis * weight[:, None], np.full(basis.shape[1], heavy)])
    b = np.append(target * weight, heavy)
    gram, moment = a.T @ a, a.T @ b
    least = np.zeros(basis.shape[1])
    least[-1] = LEAST_WEEKLY_SHARE
    share = np.full(basis.shape[1], 1.0 / basis.shape[1])
    for _ in range(3_000):
        for j in range(len(share)):
            share[j] = max(least[j], share[j] - (gram[j] @ share - moment[j]) / gram[j, j])
    return np.asarray(share / share.sum())


def _autocorrelation_of_series(lag: int) -> Floats:
    """Compute the autocorrelation of each component at a lag (C,)."""
    kernels = [series.kernel for series in HOURLY_SERIES]
    hourly = [float(kernel[lag:] @ kernel[: len(kernel) - lag]) if lag < len(kernel) else 0.0 for kernel in kernels]
    return np.array([*hourly, WEEKLY_SERIES.decays[0].phi_share ** (lag / HOURS_PER_WEEK)])


def _grid_mix(year: History, column: int, marginal: Marginal) -> dict[str, Any]:
    """Fit profiles, noise and correlations of carbon intensity and renewable share."""
    month, hour = marginal.local.month[:, 0], marginal.local.hour[:, 0]
    carbon = year.carbon_intensity_g_per_kwh[:, column]
    renewable = year.renewable_share[:, column]
    carbon_mean = _profile(carbon, month, hour, np.mean)
    renewable_mean = _profile(renewable, month, hour, np.mean)
    carbon_noise = carbon / carbon_mean[month, hour] - 1.0
    renewable_noise = renewable - renewable_mean[month, hour]
    return {
        "carbon_g_per_kwh": carbon_mean.round(0).astype(int).tolist(),
        "renewable_share": renewable_mean.round(3).tolist(),
        "carbon_sd_share": round(float(carbon_noise.std()), 3),
        "renewable_sd_share": round(float(renewable_noise.std()), 3),
        "price_carbon_share": round(float(np.corrcoef(marginal.noise, carbon_noise)[0, 1]), 2),
        "carbon_renewable_share": round(float(np.corrcoef(carbon_noise, renewable_noise)[0, 1]), 2),
    }


def _climate(year: History, column: int, local: LocalHours) -> dict[str, float]:
    """Fit the swings of the dry bulb and the response of humidity, by least squares."""
    dry_bulb, hour = year.dry_bulb_c[:, column], local.hour[:, 0]
    first = year.first_epoch_s // SECONDS_PER_HOUR
    turn = 2.0 * np.pi * year_phase_share(first, first + year.step_count)
    day = np.cos(2.0 * np.pi * (hour - WARMEST_LOCAL_HOUR) / HOURS_PER_DAY)
    waves = np.stack([np.ones(len(hour)), np.cos(turn), np.sin(turn), day], axis=1)
    (mean, cosine, sine, daily), *_ = np.linalg.lstsq(waves, dry_bulb, rcond=None)
    noise = dry_bulb - waves @ (mean, cosine, sine, daily)
    wet_bulb = np.minimum(year.wet_bulb_c[:, column], dry_bulb)
    humidity, dew_point = np.array([_humidity_of(*pair) for pair in zip(dry_bulb, wet_bulb, strict=True)]).T
    rest = humidity - DAILY_HUMIDITY_SLOPE_SHARE_PER_C * daily * day
    line = np.stack([np.ones(len(noise)), noise], axis=1)
    (level, slope), *_ = np.linalg.lstsq(line, rest, rcond=None)
    found = (
        (mean, 1),
        (np.hypot(cosine, sine), 1),
        (daily, 1),
        (noise.std(), 1),
        (np.arctan2(sine, cosine) / (2.0 * np.pi) % 1.0 * DAYS_PER_YEAR, 0),
        (level, 2),
        (slope, 3),
        ((rest - line @ (level, slope)).std(), 2),
        (np.quantile(dew_point, HIGH_DEW_POINT_SHARE), 1),
    )
    return {key: round(float(value), digits) for key, (value, digits) in zip(CLIMATE_BOUNDS, found, strict=True)}


def _humidity_of(dry_bulb_c: float, wet_bulb_c: float) -> tuple[float, float]:
    """Return relative humidity (0 to 1) and dew point [C]."""
    share = psychrolib.GetRelHumFromTWetBulb(dry_bulb_c, wet_bulb_c, SEA_LEVEL_PA)
    share = min(max(share, 0.01), 1.0)
    return share, psychrolib.GetTDewPointFromRelHum(dry_bulb_c, share)


def _fixed_market(sd_share: float) -> dict[str, Any]:
    flat = [[0.0] * HOURS_PER_DAY] * MONTHS_PER_YEAR
    score = _gaussian(PROBABILITY_SHARE)
    return {
        "lat_deg": 0.0,
        "score_mean": flat,
        "score_sd": [[1.0] * HOURS_PER_DAY] * MONTHS_PER_YEAR,
        "score_weekend": flat[0],
        "component_share": [0.0] * len(HOURLY_SERIES) + [1.0],
        "curve_score": score.round(3).tolist(),
        "curve_price_usd_per_mwh": (50.0 * (1.0 + sd_share * score)).round(3).tolist(),
        "carbon_g_per_kwh": [[100] * HOURS_PER_DAY] * MONTHS_PER_YEAR,
        "renewable_share": [[0.95] * HOURS_PER_DAY] * MONTHS_PER_YEAR,
        "carbon_sd_share": 0.05,
        "renewable_sd_share": 0.02,
        "price_carbon_share": 0.0,
        "carbon_renewable_share": -0.8,
        "climate": {},
    }


def _profile(values: Floats, month: NDArray[np.int64], hour: NDArray[np.int64], statistic: Any) -> Floats:
    """Compute a statistic by month and local hour (12, 24)."""
    cell = month * HOURS_PER_DAY + hour
    order = np.argsort(cell, kind="stable")
    edges = np.searchsorted(cell[order], np.arange(1, MONTHS_PER_YEAR * HOURS_PER_DAY))
    return np.array([statistic(part) for part in np.split(values[order], edges)]).reshape(
        MONTHS_PER_YEAR, HOURS_PER_DAY
    )


def _smooth(profile: Floats) -> Floats:
    """Smooth over neighbouring hours, 1:2:1, since each cell has only thirty days."""
    return (np.roll(profile, 1, axis=-1) + 2.0 * profile + np.roll(profile, -1, axis=-1)) / 4.0


def _normal_scores(values: Floats) -> Floats:
    """Convert values to normal scores by rank; equal values get their mean score."""
    score = np.empty(len(values))
    score[np.argsort(values, kind="stable")] = _gaussian((np.arange(len(values)) + 0.5) / len(values))
    _, group = np.unique(values, return_inverse=True)
    return (np.bincount(group, weights=score) / np.bincount(group))[group]


def _gaussian(probability: Floats) -> Floats:
    return np.array([NormalDist().inv_cdf(p) for p in probability])


def _autocorrelation(series: Floats, lag: int) -> float:
    centred = series - series.mean()
    return float((centred[lag:] * centred[:-lag]).mean() / centred.var())


def _new_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


def _write(path: Path, tables: dict[str, Any]) -> None:
    """Write JSON with one row of a table per line, so that changes can be read."""
    text = json.dumps(tables, indent=1)
    text = re.sub(
        r"\[[^\[\]{}]*\]", lambda row: re.sub(r"\s+", " ", row[0]).replace("[ ", "[").replace(" ]", "]"), text
    )
    path.write_text(text + "\n", encoding="utf-8")
    sys.stderr.write(f"{path}: {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
