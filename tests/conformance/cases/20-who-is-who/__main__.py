import os

import pulumi
from pulumi import Alias
from pulumi import ResourceOptions as Opts
from pulumi.dynamic import Resource
from things import Group, Thing, ThingProvider

STEP = int(os.environ["STEP"])


class Gadget(Resource, name="Gadget"):
    def __init__(self, name, opts=None, **props):
        super().__init__(ThingProvider(), name, {"label": name, "shout": None, **props}, opts)


if STEP == 0:
    a = Thing("a", text="one")
    b = Thing("b", Opts(depends_on=[a]), text="two")
    box = Group("box")
    Thing("box-in", Opts(parent=box), text=b.shout)
    Thing("kind", text="x")
elif STEP == 1:  # two swap names, a component is called otherwise, another kind, a move into a component
    a = Thing("b", Opts(aliases=[Alias(name="a")]), text="one")
    b = Thing("a", Opts(aliases=[Alias(name="b")], depends_on=[a]), text="two")
    box = Group("crate", Opts(aliases=[Alias(name="box")]))
    Thing("crate-in", Opts(parent=box), text=b.shout)
    was = Alias(type_="pulumi-python:dynamic:Resource", parent=pulumi.ROOT_STACK_RESOURCE)
    Gadget("kind", Opts(parent=box, aliases=[was]), text="x")
else:  # by stack and project, by URN, the first that is there
    a = Thing("e", Opts(aliases=[Alias(name="b", project="conformance", stack="dev")]), text="one")
    urn = "urn:pulumi:dev::conformance::pulumi-python:dynamic:Resource::a"
    Thing("f", Opts(aliases=[Alias(name="nobody"), urn], depends_on=[a]), text="two")
