"""`lenet_ablate.report(…)`: what `lenet-report` writes, as an object that shows itself in a notebook."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lenet_ablate.report.options import parse_options

if TYPE_CHECKING:
    import pandas as pd

    from lenet_ablate.report.build import BuiltReport
    from lenet_ablate.report.findings import Findings

MAX_SHOWN_BYTES = 1_000_000  # of a figure; a larger one is named
_STYLE = "max-width:100%;height:auto"

Words = str | Sequence[str] | Mapping[str, object]


def report(
    outputs: str | Path = "outputs",
    *,
    study: str | None = None,
    where: Words = (),
    factor: str | Sequence[str] = (),
    out: str | Path | None = None,
    **options: object,
) -> Report:
    """Write the report of a folder of studies, or find it unchanged, and return what was found.

    >>> found = lenet_ablate.report("outputs", where={"pool": "max"})
    >>> found.verdicts, found.tables["lr"], found.page

    Args:
        outputs: Folder of the studies, or one study.
        study: Only this study.
        where: Conditions that runs must meet: `"pool=max"`, several of them in a list, or values by setting.
        factor: Only these factors.
        out: Where to write; None for `report/` in that folder.
        options: The others of `lenet-report --help`: `metric`, `epoch`, `margin`, `target`, `alpha`, `figures`,
            `data_dir`, `force=True`, ….

    Raises:
        LenetAblateError: There is nothing to report yet, or an option is wrong.
    """
    from lenet_ablate.report.build import build_report

    conditions = [f"{key}={_joined(value)}" for key, value in where.items()] if isinstance(where, Mapping) else where
    given: dict[str, object] = {"study": study, "out": out} | options
    words = [word for key, value in given.items() for word in _words(key, value)]
    words += [f"--where={text}" for text in _listed(conditions)] + [f"--factor={text}" for text in _listed(factor)]
    parsed, _ = parse_options([*words, "--", str(outputs)])
    return Report(build_report(parsed))


@dataclass(frozen=True)
class Report:
    """A report on disk, and what it says.

    Attributes:
        built: What was written, and what was found.
    """

    built: BuiltReport

    @property
    def page(self) -> Path:
        """The page to look at first."""
        return self.built.page

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.built.out

    @property
    def files(self) -> list[Path]:
        """Every file of its studies' reports."""
        folders = dict.fromkeys(self._places.values())
        return [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]

    @cached_property
    def verdicts(self) -> list[str]:
        """A sentence on each comparison, that on the best known setting of each study last."""
        return [sentence for found in self.built.told.findings.values() for sentence in _sentences(found)]

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables as frames, by factor, `variants` among them; of several studies by `study/factor`."""
        findings = self.built.told.findings
        if len(findings) == 1:
            (found,) = findings.values()
            return dict(found.frames)
        return {f"{title}/{name}": frame for title, found in findings.items() for name, frame in found.frames.items()}

    @property
    def figures(self) -> list[Path]:
        """The figures, each once, in the kind that a notebook shows."""
        return [path for folder in self._places.values() for path in _shown_figures(folder)]

    @property
    def _places(self) -> dict[str, Path]:
        """The folder of each study's report, or of its parts', by title."""
        told = self.built.told
        return {
            one.title: told.pages[study.name].parent / (one.place if study.parts else "")
            for study in told.studies
            if study.name in told.pages
            for one in study.comparable
            if one.title in told.findings
        }

    def __repr__(self) -> str:
        lines = "\n".join(f"  {sentence}" for sentence in self.verdicts)
        return f"<Report {self.page}>\n{lines}"

    def _repr_html_(self) -> str:
        from lenet_ablate.report.tables.html import html_table

        parts = []
        for title, folder in self._places.items():
            found = self.built.told.findings[title]
            sentences = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in _sentences(found))
            parts.append(f"<h3>{html.escape(title)}</h3><ul>{sentences}</ul>")
            parts += [html_table(found.tables[factor.comparison.factor.key]) for factor in found.analysis.factors]
            parts += [_figure(path) for path in _shown_figures(folder)]
        return "".join(parts) + f"<p>{html.escape(str(self.page))}</p>"


def _sentences(found: Findings) -> Iterator[str]:
    for factor in found.analysis.factors:
        yield from (f"{factor.comparison.factor.key}: {verdict.sentence}" for verdict in factor.verdicts)
    if found.analysis.best:
        yield found.analysis.best.sentence


def _shown_figures(folder: Path) -> list[Path]:
    """A study's figures as PNG, or else SVG."""
    by_name: dict[str, Path] = {}
    for kind in ("svg", "png"):
        by_name |= {path.stem: path for path in (folder / "figures").glob(f"*.{kind}")}
    return [by_name[name] for name in sorted(by_name)]


def _figure(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError:
        return ""
    if len(data) > MAX_SHOWN_BYTES:
        return f"<p>{html.escape(str(path))}</p>"
    kind = "image/png" if path.suffix == ".png" else "image/svg+xml"
    encoded = base64.b64encode(data).decode("ascii")
    return f'<img style="{_STYLE}" alt="{html.escape(path.stem)}" src="data:{kind};base64,{encoded}">'


def _words(key: str, value: object) -> list[str]:
    name = f"--{key.replace('_', '-')}"
    if value is None or value is False:
        return []
    return [name] if value is True else [f"{name}={value}"]


def _listed(words: str | Sequence[str]) -> list[str]:
    return [words] if isinstance(words, str) else list(words)


def _joined(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple, range)) else str(value)
