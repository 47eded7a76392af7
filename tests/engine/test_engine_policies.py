"""Policy packs: what they are given, what they say, and what they stop."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.engine.error import EngineError, UnsupportedError
from local.engine.policy import policy_config

PACK = str(Path(__file__).with_name("policy_pack"))
PROGRAM = """
g = Group("group")
a = Thing("a", text="one", opts=Opts(parent=g))
b = Thing("b", text=a.shout, size=1)
c = Thing("c", text=pulumi.Output.secret("hu5h-hu5h"), size=b.size, opts=Opts(parent=g, depends_on=[a], ignore_changes=["odd"]))
pulumi.export("shout", a.shout)
"""
# What the official CLI 3.260 printed for the same pack and program.
OFFICIAL_PREVIEW = """\
Policies:
    ❌ things@v1.2.3 (local: PACK)
        - [mandatory] [severity: high]  allowed-text  (pulumi-python:dynamic:Resource: a)
          Texts must be allowed.
          text is 'one'
          write another
        - [advisory] [severity: high]  allowed-text  (pulumi-python:dynamic:Resource: b)
          can't run policy 'allowed-text' from policy pack 'things@v0.0.1' during preview: string value at .text can't be known during preview

Diagnostics:
  pulumi:pulumi:Stack (conformance-dev):
    error: preview failed
"""
OFFICIAL_STACK = """\
Policies:
    ❌ things@v1.2.3 (local: PACK)
        - [mandatory]  few  (pulumi-python:dynamic:Resource: a)
          Few things.
          3 things
        - [mandatory]  few  (pulumi:pulumi:Stack: conformance-dev)
          Few things.
          3 things in the stack

Diagnostics:
  pulumi:pulumi:Stack (conformance-dev):
    error: update failed

Outputs:
  + shout: "ONE"
"""


@pytest.fixture
def things(stack):
    stack.write_program(PROGRAM)
    return stack


@pytest.fixture
def pack(things):
    """The flags that run the pack, its policies set as given."""

    def flags(**settings: object) -> list[str]:
        path = things.root / "settings.json"
        path.write_text(json.dumps({name.replace("_", "-"): value for name, value in settings.items()}))
        return ["--policy-pack", PACK, "--policy-pack-config", str(path)]

    return flags


def section(text: str) -> str:
    return text[text.index("Policies:") :].rstrip().replace(PACK, "PACK") + "\n"


def events(path: Path, kind: str) -> list[dict]:
    return [row[kind] for row in map(json.loads, path.read_text().splitlines()) if kind in row]


def test_an_advisory_violation_is_shown_and_nothing_is_stopped(things, tmp_path) -> None:
    log = tmp_path / "events"
    done = things.run("preview", "--policy-pack", PACK, "--event-log", str(log))
    assert "⚠️ things@v1.2.3" in done.stdout
    assert "[advisory] [severity: high]  allowed-text  (pulumi-python:dynamic:Resource: a)" in done.stdout
    assert "+ 5 to create" in done.stdout
    assert events(log, "policyLoadEvent") == [{}]
    first, *_ = events(log, "policyEvent")
    assert first == {
        "resourceUrn": "urn:pulumi:dev::conformance::conformance:index:Group$pulumi-python:dynamic:Resource::a",
        "message": "Texts must be allowed.\ntext is 'one'\nwrite another\n",
        "color": "never",
        "policyName": "allowed-text",
        "policyPackName": "things",
        "policyPackVersion": "1.2.3",
        "policyPackVersionTag": "1.2.3",
        "enforcementLevel": "advisory",
        "severity": "high",
    }
    assert events(log, "policyAnalyzeStackSummaryEvent")[0]["passed"] == ["few"]
    assert events(log, "summaryEvent")[0]["PolicyPacks"] == {f"things|local|{PACK}": "1.2.3"}


def test_a_mandatory_violation_fails_a_preview_which_shows_everything_first(things, pack) -> None:
    done = things.run("preview", *pack(allowed_text="mandatory"), code=1)
    assert section(done.stdout).startswith(OFFICIAL_PREVIEW)
    assert "Resources:" not in done.stdout
    assert done.stderr == ""


def test_the_official_cli_says_the_same_of_it(things, pack) -> None:
    official = shutil.which("pulumi")
    if official is None or "local/bin" in official:
        pytest.skip("no official Pulumi CLI on PATH")
    copy = shutil.copytree(PACK, things.root / "pack")
    (copy / "PulumiPolicy.yaml").write_text(
        f"version: 1.2.3\nruntime: {{name: python, options: {{virtualenv: {sys.prefix}}}}}\n"
    )
    flags = [word.replace(PACK, "../pack") for word in pack(allowed_text="mandatory")]
    done = subprocess.run(
        [official, "preview", "--non-interactive", *flags],
        check=False,
        cwd=things.program,
        env={**things.env, "PULUMI_SKIP_UPDATE_CHECK": "true", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    assert section(done.stdout.replace("../pack", PACK)).startswith(OFFICIAL_PREVIEW), done.stderr
    assert done.returncode == 1


def test_a_mandatory_violation_stops_an_update_before_the_first_change(things, pack) -> None:
    before = things.state_file.read_text()
    things.run("up", "--yes", *pack(all="mandatory"), code=1)
    assert things.journal() == []
    assert things.state_file.read_text() == before


def test_an_update_without_preview_stops_at_the_resource_that_is_refused(things, pack) -> None:
    forbidden = {"enforcementLevel": "mandatory", "forbidden": ["ONE"]}
    # Not even --continue-on-error goes on.
    done = things.up("--continue-on-error", *pack(allowed_text=forbidden), code=1)
    assert "allowed-text  (pulumi-python:dynamic:Resource: b)" in done.stdout
    assert things.journal() == ["create a"]
    assert done.stderr == ""
    things.run("destroy", "--yes", "--skip-preview")
    assert things.latest().get("resources", []) == []


def test_a_stack_policy_judges_what_is_there_at_the_end(things, pack) -> None:
    few = {"enforcementLevel": "mandatory", "most": 2}
    done = things.up(*pack(few=few, allowed_text="disabled"), code=1)
    assert section(done.stdout).replace("    shout", "  + shout") == OFFICIAL_STACK
    assert things.journal() == ["create a", "create b", "create c"]
    history = json.loads(things.run("stack", "history", "--json").stdout)
    assert history[0]["result"] == "failed"


def test_a_remediation_changes_the_inputs_and_keeps_secrets_secret(things, pack, tmp_path) -> None:
    log = tmp_path / "events"
    flags = pack(labelled="remediate", allowed_text="disabled")
    done = things.up(*flags, "--event-log", str(log))
    assert "- [remediate]  labelled  (3 resources)" in done.stdout
    assert things.resource("a")["inputs"]["mark"] == "added"
    assert "hu5h-hu5h" not in things.state_file.read_text() + log.read_text() + done.stdout
    things.up(*flags, "--expect-no-changes")


def test_policies_see_options_provider_and_dependencies_and_can_tell_no_secret(things, pack) -> None:
    done = things.up(*pack(tell="advisory", tell_stack="advisory", allowed_text="disabled"))
    assert (
        "protect=False ignore=['odd'] keys=['label', 'size', 'text'] parent=group "
        "provider=pulumi:providers:pulumi-python text=[secret]"
    ) in done.stdout
    assert "parent=group dependencies=['a', 'b'] size=['b'] text=[secret]" in done.stdout
    assert "hu5h-hu5h" not in done.stdout


def test_several_packs_are_all_asked(things, tmp_path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (other / "__main__.py").write_text(
        "from pulumi_policy import *\n"
        "def never(args, report):\n    report('no')\n"
        "PolicyPack('other', [StackValidationPolicy('never', 'Never.', never, EnforcementLevel.MANDATORY)])\n"
    )
    done = things.run("preview", "--policy-pack", PACK, "--policy-pack", str(other), code=1)
    assert "❌ other@v0.0.1" in done.stdout
    assert "⚠️ things@v1.2.3" in done.stdout


PACKS = {
    "missing": ({}, "failed to load Pulumi policy project"),
    "other-runtime": ({"PulumiPolicy.yaml": "runtime: nodejs\n"}, "the runtime 'nodejs'"),
    "other-toolchain": (
        {"PulumiPolicy.yaml": "runtime: {name: python, options: {toolchain: poetry}}\n"},
        "the toolchain 'poetry'",
    ),
    "no-program": ({"PulumiPolicy.yaml": "runtime: python\n"}, "has no __main__.py"),
    "broken": (
        {
            "PulumiPolicy.yaml": "runtime: python\n",
            "__main__.py": "\nraise ValueError('broken on purpose')\n",
        },
        "did not start: ValueError: broken on purpose (__main__.py, line 2)",
    ),
    "no-environment": (
        {"PulumiPolicy.yaml": "runtime: {name: python, options: {virtualenv: nowhere}}\n", "__main__.py": ""},
        "names nowhere, where there is no bin/python",
    ),
}


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_that_cannot_run_is_one_error_before_anything_happens(things, tmp_path, name: str) -> None:
    files, message = PACKS[name]
    for file, text in files.items():
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / file).write_text(text)
    done = things.run("up", "--yes", "--policy-pack", str(tmp_path / name), code=1)
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert things.journal() == []


def test_settings_that_break_a_policys_schema_are_one_error_before_anything_happens(things, pack) -> None:
    done = things.run("up", "--yes", *pack(few={"most": "x"}), code=1)
    assert "settings.json: few: most: 'x' is not of type 'integer'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert things.journal() == []


def test_a_policy_that_raises_stops_the_operation_and_says_where(things, tmp_path) -> None:
    (tmp_path / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (tmp_path / "__main__.py").write_text(
        "from pulumi_policy import *\ndef bad(args, report):\n    raise KeyError('oops')\n"
        "PolicyPack('raising', [ResourceValidationPolicy('bad', 'Bad.', bad)])\n"
    )
    done = things.up("--policy-pack", str(tmp_path), code=1)
    assert "Analyze of the policy pack raising failed on urn:pulumi:dev" in done.stdout
    assert things.journal() == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["preview", "--policy-pack-config", "x"], '"--policy-pack-config" must be specified with "--policy-pack"'),
        (["preview", "--policy-pack", "x,y", "--policy-pack-config", "x"], "flags must match the number"),
        (["destroy", "--yes", "--policy-pack", "x"], "unknown flag: --policy-pack"),
        (["preview", "--policy-pack", PACK, "--policy-pack-config", "nowhere"], "can't be read"),
    ],
)  # fmt: skip
def test_flags_that_do_not_fit_are_told_in_one_line(things, words: list[str], message: str) -> None:
    done = things.run(*words, code=1)
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


POLICIES = [
    policy_config.Policy("a", "advisory", schema={"size": {"type": "integer", "default": 3}}),
    policy_config.Policy("b", "advisory", schema={"size": {"type": "integer"}}, required=("size",)),
]


def test_settings_go_from_a_policys_own_to_all_to_its_name() -> None:
    initial = policy_config.parse('{"b": {"size": 1}}', "f")
    given = policy_config.parse('{"all": "mandatory", "b": {"enforcementLevel": "disabled"}}', "f")
    settings = policy_config.reconcile(POLICIES, initial, given)
    assert settings == {
        "a": policy_config.PolicySetting("mandatory", {"size": 3}),
        "b": policy_config.PolicySetting("disabled", {"size": 1}),
    }
    assert policy_config.problems(POLICIES, settings) == []


def test_a_required_setting_that_is_missing_is_named() -> None:
    settings = policy_config.reconcile(POLICIES)
    assert policy_config.problems(POLICIES, settings) == ["b: 'size' is a required property"]


def test_a_name_that_no_policy_has_is_found() -> None:
    assert policy_config.unknown(
        POLICIES, policy_config.parse('{"all": "advisory", "c": "disabled"}', "f")
    ) == ["c"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no", "f is not JSON"),
        ("[]", "must hold a JSON object"),
        ('{"a": "strict"}', "'a' in f: \"strict\" is not a valid enforcement level"),
        ('{"a": {"enforcementLevel": 1}}', "1 is not a valid enforcement level"),
        ('{"a": 7}', "must be an enforcement level or an object"),
    ],
)
def test_settings_that_mean_nothing_are_refused(text: str, message: str) -> None:
    with pytest.raises(EngineError, match=message.replace("(", r"\(")):
        policy_config.parse(text, "f")


def test_environments_of_the_cloud_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="environments"):
        policy_config.parse('{"environments": ["x"]}', "f")
