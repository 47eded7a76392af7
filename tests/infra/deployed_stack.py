"""A stack of the whole program on local Azure, through the embedded engine."""

import json
import os
import subprocess

import yaml
from recorded_program import REPOSITORY, stack_values

from local.stack import clean_environment

ENGINE = REPOSITORY / "local" / "bin" / "pulumi"


class Stack:
    """A stack of the program without models, with state and settings of its own; ``changes``: other settings."""

    def __init__(self, folder, azure, warm_engine, name="local", **changes):
        self.name = name
        self.settings = folder / f"Pulumi.{name}.yaml"
        (folder / "state").mkdir()
        (folder / "Pulumi.yaml").write_text((REPOSITORY / "Pulumi.yaml").read_text())
        self.env = {
            **clean_environment(os.environ),
            **azure.env,
            **warm_engine,
            "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "only here",
        }
        # Beside a project file of its own: `stack init` writes the stack's settings there.
        self.command("stack", "init", name, cwd=folder)
        self.say(**changes)

    def say(self, **changes):
        """Settings of the stack's file, some keys changed (None: left out)."""
        salt = yaml.safe_load(self.settings.read_text())["encryptionsalt"]
        values = {**stack_values(self.name), "models": [], **changes}
        config = {f"mlops:{key}": value for key, value in values.items() if value is not None}
        self.settings.write_text(yaml.safe_dump({"config": config, "encryptionsalt": salt}))

    def attempt(self, *words, cwd=REPOSITORY):
        return subprocess.run(
            [ENGINE, *words], cwd=cwd, env=self.env, capture_output=True, text=True, timeout=120, check=False
        )

    def command(self, *words, cwd=REPOSITORY):
        result = self.attempt(*words, cwd=cwd)
        assert result.returncode == 0, f"{words}: {result.stdout}\n{result.stderr}"
        return result.stdout

    def options(self):
        return ("--stack", self.name, "--config-file", str(self.settings))

    def run(self, *words):
        return self.command(*words, *self.options())

    def resources(self):
        deployment = json.loads(self.command("stack", "export", "--stack", self.name))["deployment"]
        return {
            resource["urn"].rsplit("::", 1)[1]: resource
            for resource in deployment.get("resources", [])
            if resource["custom"]
        }
