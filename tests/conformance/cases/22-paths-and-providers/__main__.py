import os

import pulumi
from pulumi import ResourceOptions as Opts
from things import Group, Thing

STEP = int(os.environ["STEP"])
DATA = {"x": 1, "l": [1, 2], "m": {"q": 1, "r": 2}} if STEP == 0 else {"x": 2, "l": [3, 4], "m": {"q": 3, "r": 4}}
PATHS = {"key": "data.x", "item": "data.l[0]", "items": "data.l[*]", "any": "data.*.q", "all": "*", "none": "data.l[5]", "odd": "data.l["}

for name, path in PATHS.items():
    Thing(name, Opts(ignore_changes=[path]) if STEP else None, data=DATA, text=str(STEP))
for name, path in {"force": "data.m", "forced": "*", "unforced": "data.l[7]"}.items():
    Thing(name, Opts(replace_on_changes=[path]), data=DATA)

mine = pulumi.ProviderResource("pulumi-python", "mine", {"region": str(STEP)}, Opts(replace_on_changes=["region"]))
box = Group("box", Opts(providers=[mine]))
Thing("through", Opts(parent=box), text="x")
Thing("changes", Opts(provider=mine) if STEP else None, text="x")
pulumi.export("name", box.urn)
