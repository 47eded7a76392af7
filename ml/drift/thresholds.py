"""Which statistic says "drift", and from where on: apart from how the statistics are computed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Kind(StrEnum):
    """What a column holds."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"


@dataclass(frozen=True)
class Statistic:
    """A statistic as reports name it.

    ``alerts_below`` is set for p-values, which are small when samples differ; ``azure`` is the metric's name in
    Azure's API, where it has one, by kind of column.
    """

    name: str
    title: str
    definition: str
    kinds: tuple[Kind, ...]
    alerts_below: bool = False
    azure: str | None = None

    def breached(self, value: float, threshold: float) -> bool:
        """Whether the value is on the alarming side of the threshold; equal to it is still fine."""
        return value < threshold if self.alerts_below else value > threshold


_BOTH = (Kind.NUMERIC, Kind.CATEGORICAL)
_BINS = "over ⌈log2(min(n, m)) + 1⌉ equal-width bins of the joint range, or the union of categories"

STATISTICS: Mapping[str, Statistic] = {
    each.name: each
    for each in (
        Statistic(
            "normalized_wasserstein",
            "Normalised Wasserstein",
            "exact first Wasserstein distance / max(sample standard deviation of the reference, 0.001)",
            (Kind.NUMERIC,),
            azure="NormalizedWassersteinDistance",
        ),
        Statistic(
            "jensen_shannon",
            "Jensen-Shannon",
            f"distance (square root of the divergence), base 2, no smoothing, {_BINS}",
            _BOTH,
            azure="JensenShannonDistance",
        ),
        Statistic(
            "population_stability_index",
            "PSI",
            f"sum (c - r) ln(c / r), shares (count + 1) / (rows + bins), {_BINS}",
            _BOTH,
            azure="PopulationStabilityIndex",
        ),
        Statistic(
            "kolmogorov_smirnov",
            "Kolmogorov-Smirnov D",
            "largest difference of the empirical distribution functions, exact",
            (Kind.NUMERIC,),
        ),
        Statistic(
            "kolmogorov_smirnov_p",
            "Kolmogorov-Smirnov p",
            "limiting p-value of the two-sample test; alerts below its threshold",
            (Kind.NUMERIC,),
            alerts_below=True,
            azure="TwoSampleKolmogorovSmirnovTest",
        ),
        Statistic(
            "kullback_leibler",
            "Kullback-Leibler",
            f"sum r ln(r / c), shares (count + 1) / (rows + bins), {_BINS}",
            _BOTH,
        ),
        Statistic("hellinger", "Hellinger", f"0 to 1, no smoothing, {_BINS}", _BOTH),
        Statistic(
            "chi_square",
            "Chi-square",
            "2 x k test of homogeneity, k - 1 degrees of freedom, no correction",
            (Kind.CATEGORICAL,),
        ),
        Statistic(
            "chi_square_p",
            "Chi-square p",
            "p-value of the 2 x k test of homogeneity; alerts below its threshold",
            (Kind.CATEGORICAL,),
            alerts_below=True,
            azure="PearsonsChiSquaredTest",
        ),
        Statistic(
            "new_categories",
            "New categories",
            "share of current rows in categories new to it",
            (Kind.CATEGORICAL,),
        ),
        Statistic("missing", "Missing", "share of missing values, current minus reference", _BOTH),
    )
}


@dataclass(frozen=True)
class Thresholds:
    """The statistics that judge a column, by its kind, and how many values a side needs to be judged at all.

    The defaults are Azure Machine Learning's. Statistics without a threshold are measured and shown, not judged.

    Raises:
        ValueError: An unknown statistic, or one that the kind of column doesn't have.
    """

    numeric: Mapping[str, float] = field(default_factory=lambda: {"normalized_wasserstein": 0.1})
    categorical: Mapping[str, float] = field(default_factory=lambda: {"jensen_shannon": 0.1})
    minimum_rows: int = 30

    def __post_init__(self) -> None:
        for kind in Kind:
            known = [each.name for each in STATISTICS.values() if kind in each.kinds]
            for name in self.of(kind):
                if name not in known:
                    raise ValueError(
                        f"no statistic {name!r} of {kind} columns to set a threshold for; there are {', '.join(known)}"
                    )

    def of(self, kind: Kind) -> Mapping[str, float]:
        """The thresholds that judge columns of that kind."""
        return self.numeric if kind is Kind.NUMERIC else self.categorical

    @classmethod
    def from_spec(cls, thresholds: Mapping[str, float]) -> Self:
        """From ``monitor.thresholds`` of a ``model.yaml``: one number per statistic.

        ``normalized_wasserstein`` and the Kolmogorov-Smirnov ones judge numbers, the others text: the pair
        ``{normalized_wasserstein: 0.1, jensen_shannon: 0.1}`` is Azure's default, one statistic a kind.
        A statistic of both kinds judges numbers too if nothing else here does.
        """
        numeric = {name: value for name, value in thresholds.items() if _kinds(name) == (Kind.NUMERIC,)}
        categorical = {name: value for name, value in thresholds.items() if name not in numeric}
        shared = {name: value for name, value in categorical.items() if _kinds(name) == _BOTH}
        return cls(numeric or shared, categorical)

    @classmethod
    def from_azure(cls, metric_thresholds: Iterable[Mapping[str, Any]]) -> Self:
        """From ``metricThresholds`` of a data drift signal, as a schedule's JSON in Azure's API has them.

        Raises:
            ValueError: A metric that isn't one of data drift.

        A threshold without a value is 0.1, as in Azure; 0.05 for a p-value.
        """
        known = {each.azure.lower(): each for each in STATISTICS.values() if each.azure}
        judges: dict[str, dict[str, float]] = {"numerical": {}, "categorical": {}}
        for each in metric_thresholds:
            # Azure's own clients differ in how they write its enumerations.
            statistic = known.get(str(each["metric"]).replace("_", "").lower())
            judge = judges.get(str(each["dataType"]).lower())
            if statistic is None or judge is None:
                raise ValueError(f"{each['metric']} of {each['dataType']} isn't a metric of data drift")
            value = (each.get("threshold") or {}).get("value")
            judge[statistic.name] = (
                (0.05 if statistic.alerts_below else 0.1) if value is None else float(value)
            )
        return cls(judges["numerical"], judges["categorical"])

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "numeric": dict(self.numeric),
            "categorical": dict(self.categorical),
            "minimumRows": self.minimum_rows,
        }


def _kinds(name: str) -> tuple[Kind, ...]:
    if name not in STATISTICS:
        raise ValueError(f"no statistic {name!r} to set a threshold for; there are {', '.join(STATISTICS)}")
    return STATISTICS[name].kinds
