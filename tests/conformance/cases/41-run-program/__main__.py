import os
import pulumi
from pulumi import ResourceOptions as Opts
from things import Thing, Group

STEP = int(os.environ["STEP"])
a = Thing("a", text="x")
b = Thing("b", text=a.shout if STEP == 0 else "own")
g = Group("g")
c = Thing("c", Opts(parent=g), text=b.shout)
d = Thing("d", Opts(parent=g), text="y")
if STEP > 0:
    new = Thing("new", text=d.shout)
pulumi.export("a", a.shout)
