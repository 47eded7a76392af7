import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.azure.errors import ArmError
from local.azure.machine_learning import environment_build
from local.azure.machine_learning.environment_build import Environment, read_conda, read_version
from local.settings import LocalDir


class AzureOf:
    """As much of local Azure as a build needs."""

    def __init__(self, root: Path) -> None:
        self.directory = LocalDir(root)

    def package_environment(self) -> dict[str, str]:
        return dict(os.environ)

    def instance_environment(self, _holder: object, _place: str) -> dict[str, str]:
        return {"HTTPS_PROXY": "http://127.0.0.1:1"}


def test_a_conda_file_gives_its_python_and_its_pip_packages():
    text = "channels: [conda-forge]\ndependencies:\n- python=3.11.4\n- pip>=23\n- pip:\n  - numpy==2.2.0\n  - --pre\n"
    assert read_conda(text) == Environment("3.11", ("numpy==2.2.0", "--pre"))


def test_other_conda_packages_are_refused_by_name():
    text = "dependencies: [python=3.11, 'conda-forge::libgomp=13', cudatoolkit, {pip: [numpy]}]"
    with pytest.raises(ArmError, match=r"cudatoolkit, libgomp=13.*below 'pip'"):
        read_conda(text)


@pytest.mark.parametrize("text", ["dependencies: [", "- python", "dependencies: python"])
def test_a_broken_conda_file_is_refused(text: str):
    with pytest.raises(ArmError) as refusal:
        read_conda(text)
    assert refusal.value.code == "ImageBuildFailure"


def test_an_image_alone_means_the_inference_server_and_a_dockerfile_is_refused():
    assert read_version("e", {"image": "an/image"}).requirements == ("azureml-inference-server-http",)
    with pytest.raises(ArmError, match="Dockerfile"):
        read_version("e", {"build": {"contextUri": "https://x"}})


def test_environments_with_other_content_have_other_hashes():
    digests = {
        environment.digest
        for environment in (
            Environment("3.11", ("numpy",)),
            Environment("3.11", ("numpy<3",)),
            Environment("3.11", ()),
            Environment(None, ()),
        )
    }
    assert len(digests) == 4


def test_an_environment_is_built_once_for_all_who_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    builds: list[Path] = []
    make = environment_build._make

    async def counted(azure, environment, target):
        builds.append(target)
        await make(azure, environment, target)

    monkeypatch.setattr(environment_build, "_make", counted)
    azure, wanted = AzureOf(tmp_path), Environment("3.11", ())

    async def both() -> list[Path]:
        return list(await asyncio.gather(*(environment_build.build(azure, wanted) for _ in range(3))))

    folder, *others = asyncio.run(both())
    assert others == [folder, folder]
    assert len(builds) == 1
    said = subprocess.run(
        [folder / "bin" / "python", "-c", "import sys; print(sys.prefix)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(said.stdout.strip()) == folder
    assert [path.name for path in azure.directory.environments.iterdir()] == [wanted.digest]


def test_an_interrupted_build_is_swept_and_made_again(tmp_path: Path):
    azure, wanted = AzureOf(tmp_path), Environment(None, ())
    left = azure.directory.environments / ".building-left"
    (left / "bin").mkdir(parents=True)
    environment_build.sweep(azure)
    assert not left.exists()
    folder = asyncio.run(environment_build.build(azure, wanted))
    assert (folder / "bin" / "python").exists()


@pytest.mark.parametrize("lost", ["environment.json", "bin/python"])
def test_an_environment_that_lost_its_interpreter_or_its_end_is_made_again(tmp_path: Path, lost: str):
    azure, wanted = AzureOf(tmp_path), Environment(None, ())
    folder = asyncio.run(environment_build.build(azure, wanted))
    (folder / lost).unlink()
    (folder / "left").touch()
    assert asyncio.run(environment_build.build(azure, wanted)) == folder
    assert (folder / lost).exists()
    assert not (folder / "left").exists()


def test_a_package_that_does_not_exist_fails_the_build_with_what_uv_said(tmp_path: Path):
    azure = AzureOf(tmp_path)
    with pytest.raises(ArmError, match=r"could not be built(.|\n)*no-such-folder"):
        asyncio.run(environment_build.build(azure, Environment(None, ("./no-such-folder",))))
    assert list(azure.directory.environments.iterdir()) == []


def test_a_python_that_the_machine_lacks_is_replaced_and_the_log_says_so(tmp_path: Path):
    azure, wanted = AzureOf(tmp_path), Environment("3.3", ())
    folder = asyncio.run(environment_build.build(azure, wanted))
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert (folder / "lib" / f"python{own}").is_dir()
    log = azure.directory.logs / f"environment-{wanted.digest}.log"
    assert f"Python 3.3 is not on this machine; built with Python {own} instead." in log.read_text()


def test_a_process_finds_its_environment_first_and_not_the_interpreter_of_local_azure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    variables = environment_build.variables(AzureOf(tmp_path), tmp_path / "e", None)
    assert variables["PATH"].split(os.pathsep)[0] == str(tmp_path / "e" / "bin")
    assert "PYTHONPATH" not in variables
    assert variables["HTTPS_PROXY"] == "http://127.0.0.1:1"


def test_what_a_process_compiles_is_kept_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    azure = AzureOf(tmp_path)
    folder = asyncio.run(environment_build.build(azure, Environment(None, ())))
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "slow.py").write_text("ANSWER = 42\n")
    variables = environment_build.variables(azure, folder, None)
    subprocess.run([folder / "bin" / "python", "-c", "import slow"], env=variables, check=True)
    assert list(packages.glob("__pycache__/slow.*.pyc"))
