import yaml

from local.engine.workspace.config_text import rewritten

TEXT = """# This machine.
config:
  mlops:environment: local  # small
  mlops:compute:
    cpu: {vmSize: a}
    # and more
    gpu: b

  # The last one.
  mlops:owner: 'me'
"""


def _with(change) -> tuple[str, dict]:
    document = yaml.safe_load(TEXT)
    change(document)
    return rewritten(TEXT, document), document


def test_a_salt_is_added_below_without_touching_the_rest() -> None:
    text, _ = _with(lambda document: document.update(encryptionsalt="v1:a:b"))
    assert text == TEXT + "encryptionsalt: v1:a:b\n"


def test_a_changed_value_keeps_the_comments_around_it() -> None:
    text, _ = _with(lambda document: document["config"].update({"mlops:environment": "dev"}))
    assert text == TEXT.replace("environment: local", "environment: dev")


def test_a_new_key_comes_last_and_a_removed_one_takes_only_itself() -> None:
    text, _ = _with(lambda document: document["config"].update({"mlops:new": {"secure": "v1:x:y"}}))
    assert text == TEXT + "  mlops:new:\n    secure: v1:x:y\n"
    text, _ = _with(lambda document: document["config"].pop("mlops:compute"))
    assert text == TEXT[: TEXT.index("  mlops:compute")] + TEXT[TEXT.index("\n  # The last") :]


def test_a_changed_structure_is_written_anew_in_its_place() -> None:
    text, document = _with(lambda document: document["config"]["mlops:compute"].update(gpu="c"))
    assert yaml.safe_load(text) == document
    assert text.startswith("# This machine.\nconfig:\n  mlops:environment: local  # small\n")
    assert text.endswith("\n\n  # The last one.\n  mlops:owner: 'me'\n")


def test_what_small_edits_cannot_say_is_still_said() -> None:
    assert yaml.safe_load(rewritten("", {"config": {"a:b": 1}})) == {"config": {"a:b": 1}}
    assert yaml.safe_load(rewritten("config: {}\n", {"config": {"a:b": [1]}})) == {"config": {"a:b": [1]}}
    assert rewritten(TEXT, {}) == ""


def test_texts_and_lists_are_written_as_the_official_cli_writes_them() -> None:
    document = {
        "config": {"a:b": {"list": ["x", "y", "5", "1e3"], "t": "true", "f": "[1]", "lines": "one\ntwo"}}
    }
    assert (
        rewritten("", document)
        == """config:
  a:b:
    list:
      - x
      - "y"
      - "5"
      - "1e3"
    t: "true"
    f: '[1]'
    lines: |-
      one
      two
"""
    )
