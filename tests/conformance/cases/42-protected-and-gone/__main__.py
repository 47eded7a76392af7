import os
from pulumi import ResourceOptions as Opts
from things import Thing

STEP = int(os.environ["STEP"])
a = Thing("a", Opts(protect=True))
b = Thing("b", text=a.shout)
c = Thing("c", Opts(parent=b))
d = Thing("d", Opts(depends_on=[c], deleted_with=c))
e = Thing("e", fail="delete")
f = Thing("f", Opts(depends_on=[e]))
