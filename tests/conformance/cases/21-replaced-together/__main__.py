import os

from pulumi import ResourceOptions as Opts
from things import Group, Thing

STEP = int(os.environ["STEP"])
FIRST = STEP == 2

a = Thing("a", Opts(delete_before_replace=FIRST), generation=STEP)
box = Group("box", Opts(depends_on=[a]))
Thing("needs", Opts(parent=box), generation=a.id)
Thing("shows", text=a.id)
Thing("goes", Opts(deleted_with=a))
Thing("comes", Opts(replace_with=[a]))
Thing("pulled", Opts(replacement_trigger="one" if STEP < 2 else "two"), text="x")
Thing("deaf", Opts(ignore_changes=["generation"]), generation=a.id)
