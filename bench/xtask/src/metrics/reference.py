"""The figures of `dosebench analyze` by numpy, as somebody who knows it would write them: vectorised, without a loop over
readings. `cargo xtask metrics analysis` compares speed and figures with the product's.

Usage: reference.py LOG.parquet RATE_UL_PER_H DENSITY_KG_PER_M3 EVAPORATION_UG_PER_S
"""

import json
import sys

import numpy as np
import pyarrow.parquet as pq

INTERVAL_S, WINDOWS = 900.0, (1, 4, 10, 22, 38, 62)
BATCHES, PULSES_MIN, PER_MEDIAN = 10, 8, 1.482602218505602


def median(values, rank):
    return np.partition(values, rank)[rank]


def pulses(time, spacing, volume, commanded):
    rises = np.diff(volume)
    sizes = np.abs(rises)
    noise = PER_MEDIAN * median(sizes, (sizes.size - 1) // 2)
    greatest = max(rises.max(), 0.0)
    seen = sizes[sizes > 1e-9 * greatest]
    digit = seen.min() if seen.size else np.inf
    threshold = max(6.0 * noise, 0.2 * greatest, 2.5 * digit)
    above = np.concatenate(([False], rises >= threshold, [False]))
    edges = np.flatnonzero(above[1:] != above[:-1])
    first, behind = edges[::2], edges[1::2]
    sizes = volume[np.minimum(behind + 1, volume.size - 1)] - volume[np.maximum(first - 1, 0)]
    moments = 0.5 * (time[first] + time[behind])
    if sizes.size < PULSES_MIN or sizes.sum() < 0.8 * (volume[-1] - volume[0]):
        return None
    between = np.diff(moments)
    cycles = np.maximum(np.round(between / median(between, (between.size - 1) // 2)), 1.0).sum()
    period = (moments[-1] - moments[0]) / cycles
    sums = np.concatenate(([0.0], np.cumsum(sizes)))
    due = commanded(moments)
    over = []
    for count in sorted({max(round(k * INTERVAL_S / period), 1) for k in WINDOWS}):
        if spacing <= 0.01 * count * period and count < sizes.size:
            errors = 100.0 * ((sums[count:-1] - sums[: -count - 1]) / (due[count:] - due[:-count]) - 1.0)
            over.append({"cycles": count, "ep_max_percent": errors.max(), "ep_min_percent": errors.min()})
    return {
        "count": sizes.size,
        "period_s": period,
        "mean_ul": sizes.mean(),
        "least_ul": sizes.min(),
        "greatest_ul": sizes.max(),
        "over_cycles": over,
    }


def figures(path, rate_ul_per_h, density_kg_per_m3, evaporation_ug_per_s):
    table = pq.read_table(path, columns=["time_s", "mass_g"])
    time, mass = table["time_s"].to_numpy(), table["mass_g"].to_numpy()
    spacings = np.diff(time)
    if not (np.isfinite(time).all() and np.isfinite(mass).all() and (spacings > 0.0).all()):
        raise SystemExit("expected finite readings in order")
    spacing = median(spacings, spacings.size // 2)
    if spacings.max() > max(INTERVAL_S, 2.0 * spacing) * (1.0 + 1e-6):
        raise SystemExit("expected readings without a gap")
    volume = (mass - mass[0] + evaporation_ug_per_s * 1e-6 * (time - time[0])) * (1e6 / density_kg_per_m3)

    def commanded(moments):
        return (moments - time[0]) / 3600.0 * rate_ul_per_h

    delivered_ul, commanded_ul = volume[-1] - volume[0], commanded(time[-1])
    grid = time[0] + INTERVAL_S * np.arange(int((time[-1] - time[0]) / INTERVAL_S + 1e-9) + 1)
    at_grid, due = np.interp(grid, time, volume), commanded(grid)
    trumpet = []
    for k in (k for k in WINDOWS if k < grid.size):
        errors = 100.0 * ((at_grid[k:] - at_grid[:-k]) / (due[k:] - due[:-k]) - 1.0)
        trumpet.append({
            "window_s": k * INTERVAL_S,
            "ep_max_percent": errors.max(),
            "ep_min_percent": errors.min(),
            "windows": errors.size,
        })
    edges = np.arange(BATCHES + 1) * (time.size - 1) // BATCHES
    parts = 100.0 * (np.diff(volume[edges]) / np.diff(commanded(time[edges])) - 1.0)
    return {
        "delivered_ml": delivered_ul * 1e-3,
        "commanded_ml": commanded_ul * 1e-3,
        "mean_error_percent": 100.0 * (delivered_ul / commanded_ul - 1.0),
        "repeatability_percent": parts.std(ddof=1) / np.sqrt(parts.size),
        "trumpet": trumpet,
        "start_up_ul_per_h": (np.diff(at_grid) / INTERVAL_S * 3600.0).tolist(),
        "pulses": pulses(time, spacing, volume, commanded),
    }


if __name__ == "__main__":
    print(json.dumps(figures(sys.argv[1], *map(float, sys.argv[2:5])), default=lambda number: number.item()))
