"""Resources that are read and not managed: one that changes, one that isn't there, one that becomes the stack's own."""

import os

import pulumi
from pulumi import ResourceOptions as Opts
from pulumi.dynamic import Resource
from things import Group, Thing, ThingProvider

STEP = int(os.environ["STEP"])


class Found(Resource):
    """A thing by its id."""

    label: pulumi.Output[str]
    text: pulumi.Output[str]
    shout: pulumi.Output[str]

    def __init__(self, name, id, opts=None):
        props = {"label": None, "text": None, "shout": None}
        super().__init__(ThingProvider(), name, props, Opts.merge(opts, Opts(id=id)))


a = Thing("a", text="x" if STEP < 2 else "z")
if STEP < 4:
    group = Group("g")
    f = Found("f", a.id if STEP < 3 else "missing-0", Opts(parent=group))
    Thing("user", text=f.shout)
    pulumi.export("seen", f.text)
