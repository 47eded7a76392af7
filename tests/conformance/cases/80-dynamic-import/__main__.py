"""What `import_` does with dynamic resources: the provider to ask is in inputs that an import doesn't have, so it fails."""

import os

from pulumi import ResourceOptions as Opts
from pulumi import export
from pulumi.dynamic import ReadResult, Resource
from things import Thing, ThingProvider

STEP = int(os.environ["STEP"])


class Telling(ThingProvider):
    """Its `read` gives inputs, too, as an import needs them."""

    def read(self, id, props):
        found = super().read(id, props)
        return ReadResult(found.id, found.outs, {"label": "a", "text": "x"})


class Given(Resource):
    """A resource whose provider is `Telling`."""

    def __init__(self, name, props, opts):
        super().__init__(Telling(), name, props, opts)


a = Thing("a", text="x")
# One that is there already: under another id it is imported, under its own there is nothing to do.
b = Thing("b", text="x", opts=Opts(depends_on=[a], import_={1: "a-0", 3: "b-0"}.get(STEP)))
if STEP == 2:
    new = {"label": "a", "text": "x", "shout": None}
    Given("new", new, Opts(import_="a-0", depends_on=[b]))
export("shout", b.shout)
