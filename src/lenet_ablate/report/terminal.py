"""What `lenet-report` says: counts, tables, verdicts and paths on standard output, warnings on standard error."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from lenet_ablate.rendering.escape import one_line
from lenet_ablate.report.build import BuiltReport, Told
from lenet_ablate.report.findings import Findings
from lenet_ablate.report.overview import in_a_line, part_reasons
from lenet_ablate.report.page.answer import Answer, answer_of
from lenet_ablate.report.page.content import without_key
from lenet_ablate.report.page.effects import Effect
from lenet_ablate.report.study.factors import REPLICATE
from lenet_ablate.report.study.problems import left_out_lines, problem_runs
from lenet_ablate.report.study.study import Study, count_line
from lenet_ablate.report.tables.markdown import TERMINAL_WIDTH, terminal_text
from lenet_ablate.report.text.wording import plural

INDENT = 10
MAX_ROWS, MAX_PROBLEMS, MAX_NAMES, MAX_ASIDE = 40, 10, 12, 3


def tell_found(told: Told, with_tables: bool = False) -> None:
    """Print what was found: of one study with its tables, of several a few lines each.

    Args:
        told: The studies, and what was found.
        with_tables: Whether the tables of several studies are printed too.
    """
    is_brief = len(told.studies) > 1 and not with_tables
    for study in told.studies:
        if is_brief:
            _tell_briefly(study, told.findings)
        else:
            _tell_study(study, told.findings)
    sys.stdout.flush()
    for sentence in told.ignored:
        _warn(f"left out: {sentence}")
    warnings = {}
    for study in told.studies:
        warnings[study.name] = _warn_of(study, told.findings, told.pages.get(study.name) if is_brief else None)
    _warn_together(warnings, told.pages if is_brief else {})


def _warn_together(warnings: Mapping[str, Sequence[str]], pages: Mapping[str, Path]) -> None:
    """Print warnings by study: what several have in common once, and of the rest the number where a page has them."""
    having: dict[str, list[str]] = {}
    for study, sentences in warnings.items():
        for sentence in sentences:
            having.setdefault(sentence, []).append(study)
    for sentence, names in having.items():
        if len(names) > 1:
            more = f" and {len(names) - MAX_ASIDE} more" if len(names) > MAX_ASIDE else ""
            _warn(f"{', '.join(names[:MAX_ASIDE])}{more}: {sentence}")
    for study, sentences in warnings.items():
        own = [sentence for sentence in sentences if len(having[sentence]) == 1]
        if study in pages and len(own) > 1:
            _warn(f"{study}: {plural(len(own), 'warning')}; see {pages[study]}")
            continue
        for sentence in own:
            _warn(f"{study}: {sentence}")


def tell_built(built: BuiltReport) -> None:
    """Print what was written where, and what stood there already."""
    pages = built.told.pages
    if len(built.told.studies) > 1:
        for name, page in pages.items():
            print(f"{'unchanged' if name in built.unchanged else 'written'}: {page}")
        print(f"all studies: {built.page}")
    elif built.unchanged:
        ((name, page),) = pages.items()
        print(f"unchanged: {name} ({page}); --force makes it again")
    else:
        (folder,) = (page.parent for page in pages.values())
        own = [built.out / name for name in built.files]
        _tell_files(folder, [str(path.relative_to(folder)) for path in own if path.is_relative_to(folder)])
    sys.stdout.flush()


def _tell_briefly(study: Study, findings: Mapping[str, Findings]) -> None:
    usable = study.design.loc[study.design["is_usable"], REPLICATE]
    seeds = f", {plural(usable.nunique(), 'seed')}" if len(usable) else ""
    print(f"{one_line(study.name)}: {count_line(study)}{seeds}{f', {len(study.parts)} parts' if study.parts else ''}")
    known = [findings[one.title] for one in study.comparable if one.title in findings]
    for found in known:
        answer = answer_of(found.study, found.analysis)
        part = f"{found.study.part}: " if found.study.part else ""
        _tell_sentence(f"{part}{answer.verb} {in_a_line(answer)}", "  ", "    ")
        for effect in answer.effects if not study.parts else ():
            told = [*(verdict.sentence for verdict in effect.more), *(other.sentence for other in effect.against[:1])]
            for sentence in told:
                _tell_sentence(_line(effect, sentence), "  ", "    ")
    print()


def _tell_study(study: Study, findings: Mapping[str, Findings]) -> None:
    """Print how far a study is, the answer, what was found of each factor, and its tables; part by part."""
    print(f"{one_line(study.title)}: {count_line(study)}\n")
    for sentence in part_reasons(study):
        _tell_sentence(sentence, "→ ", "  ")
    if study.parts:
        print()
    for part in study.parts:
        _tell_study(part, findings)
    if study.title in findings:
        _tell_findings(findings[study.title])


def _tell_answer(answer: Answer) -> None:
    """Print the first screen: a word, and what it means."""
    word, _, where = answer.term.partition(" ")
    named = [f"{where} is {answer.words}" if where else answer.words] if answer.settings else []
    _tell_row(word if answer.settings else "setting", f"{': '.join([*named, answer.figure])}. {answer.chosen}")
    if answer.alike:
        _tell_row("as good", answer.alike)
    if answer.settings:
        _tell_row("avoid", "; ".join(answer.avoid) or "nothing is known to be worse")
    _tell_row("how sure", answer.sure)
    cost = f" ({answer.next.cost})" if answer.next.cost else ""
    _tell_row("run next", f"{answer.next.why}{cost}:")
    for command in answer.next.commands:  # unbroken, to be copied
        print(f"  {one_line(command, 0)}")
    print()


def _tell_row(word: str, text: str) -> None:
    _tell_sentence(text, f"{word:<{INDENT}}", " " * INDENT)


def _tell_findings(found: Findings) -> None:
    answer = answer_of(found.study, found.analysis)
    _tell_answer(answer)
    for effect in answer.effects:
        for sentence in [*(verdict.sentence for verdict in effect.more), *(other.sentence for other in effect.against)]:
            _tell_sentence(_line(effect, sentence), "→ ", "  ")
    print()
    for effect in answer.effects:
        print(terminal_text(found.tables[effect.key]))
    variants = found.tables["variants"]
    if len(variants.rows) > MAX_ROWS:
        print("Variants: too many for a terminal; see variants.md\n")
    elif len(found.analysis.factors) != 1:
        print(terminal_text(variants))


def _line(effect: Effect, sentence: str) -> str:
    """A sentence about a factor for where its title does not stand above: `pool: max is better than avg`."""
    return f"{effect.key}: {without_key(effect.key, sentence)}"


def _tell_sentence(sentence: str, first: str, other: str) -> None:
    print(textwrap.fill(one_line(sentence, 0), TERMINAL_WIDTH, initial_indent=first, subsequent_indent=other))


def _tell_files(out: Path, files: Iterable[str]) -> None:
    """Print what was written where: `figures/  loss_lr.{png,svg}`."""
    print(f"written to {out}:")
    folders: dict[str, dict[str, list[str]]] = {}
    for name in sorted(files):
        path = PurePosixPath(name)
        folders.setdefault(str(path.parent), {}).setdefault(path.stem, []).append(path.suffix[1:])
    for folder, stems in folders.items():
        names = [
            stem + (f".{{{','.join(kinds)}}}" if len(kinds) > 1 else f".{kinds[0]}") for stem, kinds in stems.items()
        ]
        rest = f" … {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        print(f"  {'' if folder == '.' else folder + '/  '}{' '.join(names[:MAX_NAMES])}{rest}")


def _warn_of(study: Study, findings: Mapping[str, Findings], page: Path | None) -> list[str]:
    """Print the runs that ended without final figures, with reason and folder, and what else weakens the tables.

    Gives sentences that are still to be printed, since another study may have the same.

    Args:
        study: The study.
        findings: By title of the study, or of its part; those with a finished run.
        page: Where all of this can be read too, so that its number will do; None where it is to be printed.
    """
    for line in left_out_lines(study, MAX_ASIDE):
        _warn(line)
    for sentence in study.conflicts[:MAX_PROBLEMS]:
        _warn(sentence)
    if len(study.conflicts) > MAX_PROBLEMS:
        _warn(f"{study.name}: {len(study.conflicts) - MAX_PROBLEMS} more runs differ from others with their settings")
    problems = list(problem_runs(study).itertuples(index=False))
    warnings = [
        f"{one.part}: {warning}" if one.part else warning
        for one in study.comparable
        for warning in (findings[one.title].analysis.warnings if one.title in findings else _left_out(one))
    ]
    if page and len(problems) + len(study.copies) > 1:
        counts = [plural(len(problems), "run") + " without final figures"] * bool(problems)
        counts += [plural(len(study.copies), "copied folder")] * bool(study.copies)
        _warn(f"{study.name}: {', '.join(counts)}; see {page}")
        return warnings
    for run, where, status, error in problems[:MAX_PROBLEMS]:
        _warn(f"{study.run_folder(run)}{f' ({where})' if where else ''}: {status}{f': {error}' if error else ''}")
    if len(problems) > MAX_PROBLEMS:
        _warn(f"{study.name}: {len(problems) - MAX_PROBLEMS} more runs ended badly; see status in runs.csv")
    for copy, original in study.copies[:MAX_PROBLEMS]:
        _warn(f"{study.folder / copy}: is a copy of {original} and does not count")
    if len(study.copies) > MAX_PROBLEMS:
        _warn(f"{study.name}: {len(study.copies) - MAX_PROBLEMS} more folders are copies and do not count")
    return warnings


def _left_out(study: Study) -> list[str]:
    if not study.num_finished:
        return []
    return [f"left out: no run has a validation split, which {study.criteria.asked} goes by"]


def _warn(text: str) -> None:
    print(f"lenet-report: warning: {one_line(text, limit=0)}", file=sys.stderr)
