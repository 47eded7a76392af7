import subprocess
import sys

from recorded_program import REPOSITORY

#: A service of azure-native is thousands of classes, made when its first attribute is asked for.
EAGER = """
import sys
import ops.program
print(*sorted(name for name in sys.modules if name.startswith("pulumi_azure_native.") and name.endswith("._inputs")))
"""


def test_importing_the_program_loads_no_service_of_azure_native():
    result = subprocess.run(
        [sys.executable, "-c", EAGER], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == [], (
        "write `from pulumi_azure_native import SERVICE`, and take classes from it where they are used"
    )
