import os

import pulumi
from pulumi import Output, StackReference

MODE = os.environ.get("MODE", "")

if MODE == "maker":
    pulumi.export("plain", "p")
    pulumi.export("secret", Output.secret("s"))
    pulumi.export("num", 3)
    pulumi.export("deep", {"a": [1, Output.secret("x")]})
    pulumi.export("nul", None)
elif MODE == "missing":
    StackReference("organization/conformance/nope")
elif MODE == "":
    maker = StackReference("ref", stack_name="organization/conformance/maker")
    for name in ("plain", "secret", "num", "deep", "nul", "absent"):
        pulumi.export(name, maker.get_output(name))
    pulumi.export("req", maker.require_output("plain"))
    pulumi.export("outputs", maker.outputs)
    pulumi.export("name", maker.name)
    pulumi.export("names", maker.secret_output_names)

    async def details():
        found = [await maker.get_output_details(name) for name in ("plain", "secret", "absent")]
        return [value for one in found for value in (one.value, one.secret_value)]

    pulumi.export("details", Output.from_input(details()))
    pulumi.export("own", StackReference("own", stack_name="organization/conformance/empty").outputs)
