"""``python -m ops preview``: reads a preview, or runs one, and writes the comment."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.failure import Failure
from ops.preview import comment, plan
from ops.preview.difference import changes
from ops.preview.importance import Concern, concerns, headlines, plain
from ops.preview.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

_FAILING = [concern.value for concern in Concern if concern is not Concern.OTHER]


def preview(
    file: Annotated[
        str | None, typer.Argument(help="What `pulumi preview --json` printed; - for standard input.")
    ] = None,
    *,
    stack: Annotated[str | None, typer.Option(help="Run the preview of this stack, too.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the comment to this file.")] = None,
    title: Annotated[str, typer.Option(help="The comment's heading.")] = "",
    fail_on: Annotated[
        str, typer.Option(help=f"Exit with 1 where there is one of these: {', '.join(_FAILING)}.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs instead of Markdown.")] = False,
    events: Annotated[
        Path | None, typer.Option(help="The engine's event log of that preview, for policy violations.")
    ] = None,
    policy_pack: Annotated[Path | None, typer.Option(help="Check this policy pack (with --stack).")] = None,
    policy_pack_config: Annotated[Path | None, typer.Option(help="How strict the policies are.")] = None,
    config_file: Annotated[Path | None, typer.Option(help="The stack's settings (with --stack).")] = None,
) -> None:
    """Turn a preview into a comment for a pull request: the gravest changes first, no secrets."""
    wanted = _concerns(fail_on)
    if (file is None) == (stack is None):
        raise Failure(
            "name either the file that a preview was written to (- for standard input), or --stack NAME to run one",
            code=2,
        )
    failed = ""
    if stack is not None:
        from ops.preview.run import run  # noqa: PLC0415 (a file needs no engine)

        try:
            ran = run(
                stack,
                policy_pack=policy_pack,
                policy_pack_config=policy_pack_config,
                config_file=config_file,
            )
        except Failure as failure:
            if out is not None and not as_json:
                # The comment of an earlier commit would otherwise stand there as if it were still true.
                _write(comment.failed(stack, Redactor().text(str(failure)), title=title), out)
            raise
        seen, failed = ran.plan, ran.failure
    else:
        if policy_pack or policy_pack_config or config_file:
            raise Failure("--policy-pack, --policy-pack-config and --config-file go with --stack", code=2)
        seen = plan.read(_text(str(file)), source=_source(str(file)), events=_events(events))
    redactor = Redactor.of(
        state.get(part)
        for resource in seen.resources
        for state in (resource.old, resource.new)
        for part in ("inputs", "outputs")
    )
    if as_json:
        text = json.dumps(_document(seen, redactor), indent=2, ensure_ascii=False) + "\n"
    else:
        text = comment.render(seen, redactor, role_names(), title=title)
    _write(text, out)
    if failed:
        raise Failure(failed)
    _refuse(seen, wanted, redactor)


def role_names() -> dict[str, str]:
    """The names of the roles that this platform assigns, by id."""
    from infra.access.role import Role  # noqa: PLC0415 (loads Pulumi's SDK)

    words = {"azureml": "AzureML", "acr": "Acr"}
    return {
        role.value: " ".join(words.get(word, word.title()) for word in role.name.lower().split("_"))
        for role in Role
    }


def _concerns(text: str) -> list[Concern]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in _FAILING]
    if unknown:
        raise Failure(
            f"--fail-on: nothing is called {', '.join(unknown)}, so it would never fail; write some of {', '.join(_FAILING)}",
            code=2,
        )
    return [Concern(name) for name in names]


def _source(file: str) -> str:
    return "standard input" if file == "-" else file


def _text(file: str) -> str:
    """The file's text; Windows shells write UTF-16 and marks."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except OSError as error:
        raise Failure(f"{file}: can't be read ({error.strerror}); name the preview's file", code=2) from None
    except UnicodeDecodeError:
        raise Failure(
            f"{_source(file)}: isn't text, so it is no preview; give it what `pulumi preview --json` printed",
            code=2,
        ) from None


def _events(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise Failure(
            f"{path}: can't be read ({error.strerror}); name the engine's event log", code=2
        ) from None


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    part = out.with_name(f"{out.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, out)  # noqa: PTH105 (whole, or not at all)
    except OSError as error:
        raise Failure(f"{out}: can't be written ({error.strerror}); name another --out", code=2) from None


def _refuse(seen: plan.Plan, wanted: list[Concern], redactor: Redactor) -> None:
    found = {
        concern: [
            redactor.text(resource.name) for resource in seen.resources if concern in concerns(resource)
        ]
        for concern in wanted
    }
    said = [f"{concern}: {', '.join(names)}" for concern, names in found.items() if names]
    if said:
        raise Failure(f"--fail-on {','.join(wanted)} stops this change: {'; '.join(said)}")


def _document(seen: plan.Plan, redactor: Redactor) -> Mapping[str, Any]:
    return {
        "stack": redactor.text(seen.stack),
        "summary": dict(seen.counts),
        "first": [
            {"concern": headline.concern, "text": plain(headline.text), "urn": redactor.text(headline.urn)}
            for headline in headlines(seen, redactor, role_names())
        ],
        "changes": [
            {
                "operation": resource.operation,
                "urn": redactor.text(resource.urn),
                "component": redactor.text(resource.parent),
                "replacedFor": [redactor.text(reason) for reason in resource.replaced_for],
                "properties": [
                    {"path": found.path, "kind": found.kind, "before": found.before, "after": found.after}
                    for found in changes(resource, redactor)
                ],
            }
            for resource in seen.resources
        ],
        "violations": [
            {
                "policy": redactor.text(violation.policy),
                "level": violation.level,
                "urn": redactor.text(violation.urn),
                "text": redactor.text(violation.text),
            }
            for violation in seen.violations
        ],
        "messages": [
            {
                "severity": message.severity,
                "urn": redactor.text(message.urn),
                "text": redactor.text(message.text),
            }
            for message in seen.messages
        ],
    }
