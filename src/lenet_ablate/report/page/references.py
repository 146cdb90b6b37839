"""Published test errors on MNIST without further data, to see a study's own figures in proportion."""

from __future__ import annotations

from scipy.stats import binomtest

from lenet_ablate.report.tables.table import Column, Table

NUM_TEST = 10_000
_LECUN, _MNIST_PAGE = "LeCun et al. 1998", "LeCun et al. 1998; MNIST page"
# System, test error in percent as published, what is known of its spread, source.
_PUBLISHED = (
    ("linear classifier", "12.0", "", _MNIST_PAGE),
    ("k nearest neighbours, L2", "5.0", "", _MNIST_PAGE),
    ("LeNet-1, 16×16 pixels", "1.7", "", _LECUN),
    ("LeNet-4", "1.1", "", _LECUN),
    ("LeNet-5, Keras, RMSprop", "1.07", "", "PJY-609/LeNet-5-MNIST"),
    ("LeNet-5", "0.95", "", _LECUN),
    ("LeNet-5, distorted training images", "0.8", "", _LECUN),
    ("6-layer CNN with batch normalisation", "0.78", "", "2024, KCI ART003120902"),
    ("LeNet-5, ReLU, max pooling, Adam", "0.74", "SD 0.10 over 5 seeds", "mikewacker/mnist, notebook"),
    ("boosted LeNet-4, distorted training images", "0.7", "", _LECUN),
    ("committee of 35 deep CNNs", "0.23", "", "Cireşan et al. 2012"),
    ("ensemble of 3 CNNs", "0.13", "best epoch chosen by test: optimistic", "An et al. 2020, arXiv 2008.10400"),
)


def references_table(own: tuple[str, str, str] | None) -> Table:
    """The published figures, the largest error first.

    Args:
        own: The study's best variant to stand above them: name, test error in percent, and its spread.
    """
    rows = tuple(
        (system, error, spread or _wilson(float(error)), source) for system, error, spread, source in _PUBLISHED
    )
    return Table(
        "references",
        "Published test errors on MNIST",
        "One run each unless said otherwise; interval: 95 % Wilson interval of a single run on 10,000 test images.",
        (
            Column("system", is_number=False),
            Column("test error, %"),
            Column("spread", is_number=False),
            Column("source", is_number=False),
        ),
        () if own is None else ((*own, "this study"),),
        references=rows,
        notes=(
            "LeCun et al. 1998: Gradient-based learning applied to document recognition, Proceedings of the IEEE.",
            "15 of the 10,000 test labels are disputed by annotators, so errors below 0.15 % mean little.",
        ),
    )


def _wilson(error: float) -> str:
    interval = binomtest(round(error / 100 * NUM_TEST), NUM_TEST).proportion_ci(method="wilson")
    return f"{100 * interval.low:.2f} to {100 * interval.high:.2f}"
