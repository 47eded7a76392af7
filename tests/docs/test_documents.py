"""What the documents promise: links that lead somewhere, commands that exist, features that a test shows."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [
    REPOSITORY / name
    for name in subprocess.run(
        ["git", "ls-files", "*.md"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FEATURE = re.compile(r"^\|.*\|\s*((?:`tests/[^`]+`(?:,\s*)?)+)\s*\|$")
MAKE = re.compile(r"(?:^|`)make ([a-z]+)\b", re.MULTILINE)


def named(path):
    return str(path.relative_to(REPOSITORY))


def functions_of(file):
    """Every test function of a file, also in classes."""
    return {
        node.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def features():
    rows = [FEATURE.match(line) for line in (REPOSITORY / "README.md").read_text().splitlines()]
    return [reference for row in rows if row for reference in re.findall(r"`([^`]+)`", row[1])]


def test_the_readme_names_a_test_for_its_features():
    assert len(features()) >= 12


@pytest.mark.parametrize("reference", features())
def test_a_feature_of_the_readme_is_shown_by_the_test_it_names(reference):
    file, _, name = reference.partition("::")
    assert (REPOSITORY / file).is_file(), f"there is no {file}"
    assert not name or name in functions_of(REPOSITORY / file), f"{file} has no {name}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_within_the_repository_lead_somewhere(page):
    targets = set(LINK.findall(page.read_text()))
    inside = {target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)}
    missing = sorted(target for target in inside if not (page.parent / target).exists())
    assert not missing, f"{named(page)} links to {missing}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_make_is_only_asked_for_what_it_can(page):
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    asked = set(MAKE.findall(page.read_text()))
    assert asked <= targets, f"{named(page)} says make {sorted(asked - targets)}"
