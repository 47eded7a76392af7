import pulumi
from fns import Maker
from pulumi import Output
from things import Group, Thing

s = Output.secret
VALUES = dict(
    uni="ünïcödé 🎉 \u2028 \x07 \"q\" \\ <b>&",
    big=2**53 + 2,
    huge=1e300,
    tiny=5e-324,
    neg=-0.0,
    half=0.1,
    whole=3.0,
    exp=1e21,
    e22=123456789012345678901234,
    long=12345678901234567,
    maxs=9007199254740993,
    nul=None,
    empty=[],
    nothing={},
    emptystr="",
    lists=[[], [[]], [None, {"a": None}], [1, [2, [3, [4]]]]],
    deep={"a": {"b": {"c": {"d": {"e": [{"f": "g"}]}}}}},
    booly=[True, False, 0, 1],
    sec=s("s1"),
    secs=[s("a"), {"k": s({"inner": [1, s("twice")]})}],
    secnull=s(None),
    secempty=s([]),
    secdict={"a": {"b": s(5)}, "c": s(False)},
)
t = Thing("t", text="hé", **VALUES)
u = Thing("u", text=t.shout)
m = Maker("m", props={"sec": s("x"), "plain": "y"})
mixed = Output.all(t.text, m.sec).apply(lambda parts: "".join(parts))
Thing("d", text=m.derived, other=m.plain, mixed=mixed, unsec=Output.unsecret(s("now plain")))
g = Group("g")

pulumi.export("all", VALUES)
for name, value in VALUES.items():
    pulumi.export("v_" + name, value)
pulumi.export("out", t.shout)
pulumi.export("res", t)
pulumi.export("comp", g)
pulumi.export("list", [t.text, m.sec, {"n": Output.secret({"z": 1})}])
pulumi.export("applied", m.sec.apply(lambda text: text + "!"))
pulumi.export("inf", "x")
pulumi.export("uni key é", 1)
pulumi.export("dotted.key[0]", {"a.b": 1, "": 2})
pulumi.export("asset", pulumi.StringAsset("hi"))
pulumi.export("urn", t.urn)
pulumi.export("id", t.id)
pulumi.export("secret", s({"a": [1]}))
pulumi.export("unk", u.id)
