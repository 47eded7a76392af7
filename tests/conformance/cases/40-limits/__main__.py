import os
from pulumi import ResourceOptions as Opts
from things import Thing, Group

STEP = int(os.environ["STEP"])
a = Thing("a", text="v%d" % STEP)
b = Thing("b", text=a.shout)
g = Group("g")
p = Thing("p", Opts(parent=g), text="v%d" % STEP)
q = Thing("q", Opts(parent=g), text="v%d" % STEP)
r = Thing("r", Opts(depends_on=[g]))
