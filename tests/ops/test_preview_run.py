"""``ops preview --stack``: what an engine's answers become. The engine is a script that says what the official one says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from previewing import preview, step

from ops.failure import Failure
from ops.preview.command import preview as command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHANGE = preview(step("update", "st", old={"a": 1}, new={"a": 2}))


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts a ``pulumi`` on PATH; returns the file that its arguments go to."""

    def make(out: str = "", *, said: str = "", code: int = 0, events: Any = ()) -> Path:
        (tmp_path / "out").write_text(out)
        (tmp_path / "said").write_text(said)
        (tmp_path / "events").write_text("".join(json.dumps(event) + "\n" for event in events))
        script = tmp_path / "pulumi"
        script.write_text(
            "#!/bin/sh\n"
            f'cd "{tmp_path}" && printf "%s\\n" "$@" > arguments && echo "$PULUMI_DEBUG_COMMANDS" >> arguments\n'
            'while [ "$1" != --event-log ]; do shift; done\n'
            f'cat events > "$2"; cat out; cat said >&2; exit {code}\n'
        )
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        monkeypatch.setenv("MLOPS_ENGINE", "official")
        return tmp_path / "arguments"

    return make


def violation(level: str) -> dict[str, Any]:
    return {
        "policyEvent": {
            "policyName": "tls",
            "enforcementLevel": level,
            "message": "too old",
            "resourceUrn": "a::b::c::st",
        }
    }


def test_the_engine_previews_the_stack_with_the_policies(engine: Callable[..., Path], tmp_path: Path) -> None:
    arguments = engine(CHANGE)
    command(
        stack="dev",
        out=tmp_path / "c.md",
        policy_pack=tmp_path / "policy",
        policy_pack_config=tmp_path / "p.json",
    )
    given = arguments.read_text().split("\n")
    assert given[:5] == ["preview", "--json", "--non-interactive", "--stack", "dev"]
    assert given[7:] == [
        "--policy-pack",
        f"{tmp_path}/policy",
        "--policy-pack-config",
        f"{tmp_path}/p.json",
        "true",
        "",
    ]
    assert "**1 to change**" in (tmp_path / "c.md").read_text()


def test_a_mandatory_violation_is_shown_and_fails(engine: Callable[..., Path], tmp_path: Path) -> None:
    engine(
        CHANGE,
        said="error: preview failed\n",
        code=1,
        events=[violation("mandatory"), violation("mandatory")],
    )
    with pytest.raises(Failure, match="mandatory policies refuse this change: tls") as failed:
        command(stack="dev", out=tmp_path / "c.md")
    assert failed.value.code == 1
    assert "1 mandatory policy is broken (2 times)" in (tmp_path / "c.md").read_text()


def test_an_advisory_violation_is_shown_and_passes(engine: Callable[..., Path], tmp_path: Path) -> None:
    engine(CHANGE, events=[violation("advisory")])
    command(stack="dev", out=tmp_path / "c.md")
    assert "- **advisory** `tls` on `st`: too old" in (tmp_path / "c.md").read_text()


@pytest.mark.parametrize(
    ("out", "said", "reason"),
    [
        ("", "error: no stack named 'dev' found\n", "no stack named 'dev' found"),
        (CHANGE, "error: preview failed\n", "preview failed"),
        (
            preview(diagnostics=[{"severity": "error", "message": "sign in: password=hunter22"}]),
            "",
            "sign in: password=",
        ),
    ],
)
def test_a_preview_that_fails_says_why_in_the_comment_too(
    engine: Callable[..., Path], tmp_path: Path, out: str, said: str, reason: str
) -> None:
    engine(out, said=said, code=255)
    with pytest.raises(Failure) as failed:
        command(stack="team/mlops/dev", out=tmp_path / "c.md")
    comment = (tmp_path / "c.md").read_text()
    assert failed.value.code == 2
    assert reason in str(failed.value)
    assert comment.startswith(
        "<!-- mlops-preview:dev -->\n### Preview of stack `dev`\n\n> [!WARNING]\n> the preview of"
    )
    assert "hunter22" not in comment + str(failed.value)


def test_without_an_engine_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLOPS_ENGINE", "official")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failure, match="install the Pulumi CLI"):
        command(stack="dev")
