"""Drafts that ``spojka preview --pdf`` and ``--isdoc`` write: documents without a number yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from spojka.cli.output import refuse
from spojka.cli.preview_result import Result
from spojka.core.problem import Problem
from spojka.documents.filenames import file_name

_DRAFT = {"cs": "NÁVRH", "sk": "NÁVRH", "en": "DRAFT"}


@dataclass(slots=True)
class Drafts:
    """Writes the drafts of results into folders; does nothing where no folder was asked for."""

    pdf: Path | None
    isdoc: Path | None
    _taken: set[str] = field(default_factory=set)

    def write(self, result: Result) -> tuple[Problem, ...]:
        """Write the files of one result, named by its order; return why some could not be made.

        Raises:
            CommandError: a folder cannot be written (``SPJ-FILE-WRITE``).
        """
        document = result.document
        if document is None or not (self.pdf or self.isdoc):
            return ()
        # Rendering loads the fonts: only for those who asked for files.
        from spojka.documents.rendering import RenderError, render_isdoc, render_pdf

        number = f"{_DRAFT.get(document.language, _DRAFT['en'])} {document.order_number}"
        name = self._free(
            "-".join(
                part
                for part in (
                    document.kind.value,
                    document.order_number or document.order_external_id,
                    result.refund.external_id if result.refund else "",
                )
                if part
            )
        )
        problems: list[Problem] = []
        for folder, extension, render in (
            (self.pdf, "pdf", render_pdf),
            (self.isdoc, "isdoc", render_isdoc),
        ):
            if folder is None:
                continue
            try:
                content = render(document, number=number)
            except RenderError as error:
                problems.append(error.problem)
            else:
                _write(folder / file_name(name, extension), content)
        return tuple(problems)

    def _free(self, name: str) -> str:
        candidate, ordinal = name, 1
        while candidate in self._taken:
            ordinal += 1
            candidate = f"{name}-{ordinal}"
        self._taken.add(candidate)
        return candidate


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        refuse("SPJ-FILE-WRITE", file=path.name, detail=error.strerror or error)
