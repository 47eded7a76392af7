import asyncio, os
import pulumi
from pulumi import ResourceOptions, ResourceTransformArgs, ResourceTransformResult, Alias, CustomTimeouts, ResourceHook, ResourceHookBinding
from things import Thing, Group
STEP = int(os.environ["STEP"])
def note(text):
    with open(os.environ["THINGS"] + "/journal", "a") as f: f.write(text + "\n")
def tag(label):
    def t(args: ResourceTransformArgs):
        note(f"transform {label} {args.type_} {args.name} {args.custom} {sorted(args.props)} parent={getattr(args.opts.parent, '_urn', None) is not None} protect={args.opts.protect} ic={args.opts.ignore_changes} deps={len(args.opts.depends_on or [])}")
        if args.custom and "text" in args.props:
            return ResourceTransformResult({**args.props, "text": str(args.props["text"]) + label if not isinstance(args.props["text"], pulumi.Output) else args.props["text"]}, args.opts)
        return None
    return t
async def slow(args):
    await asyncio.sleep(0)
    note(f"async {args.name}")
    if args.name == "async":
        return ResourceTransformResult({**args.props, "text": "slow", "extra": {"n": [1, None, 2.5]}}, args.opts)
stack_a, stack_b = tag("-s1"), tag("-s2")
pulumi.runtime.register_resource_transform(stack_a)
pulumi.runtime.register_resource_transform(stack_b)
pulumi.runtime.register_resource_transform(slow)
first = Thing("first", text="f")
class Outer(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("conformance:index:Outer", name, {}, opts)
        self.inner = Thing(name + "-inner", ResourceOptions(parent=self, transforms=[tag("-own1"), tag("-own2")]), text="i")
        self.plain = Thing(name + "-plain", ResourceOptions(parent=self), text="p", sees=first.shout)
        g = Group(name + "-g", ResourceOptions(parent=self, transforms=[tag("-g")]))
        Thing(name + "-deep", ResourceOptions(parent=g), text="d")
        self.register_outputs({})
Outer("outer", ResourceOptions(transforms=[tag("-c1"), tag("-c2")]))
Thing("async")
def everything(args):
    if args.name == "opts":
        o = args.opts
        return ResourceTransformResult(args.props, ResourceOptions.merge(o, ResourceOptions(
            depends_on=[first], ignore_changes=["text"], protect=STEP < 0, additional_secret_outputs=["shout"],
            custom_timeouts=CustomTimeouts(create="1m", delete="90s", update="1h30m"), retain_on_delete=True,
            replace_on_changes=["size"], deleted_with=first, aliases=[Alias(name="old-opts")], delete_before_replace=True)))
    if args.name == "deps":
        return ResourceTransformResult({**args.props, "more": first.text, "secret": pulumi.Output.secret("s")}, ResourceOptions.merge(args.opts, ResourceOptions(depends_on=[first])))
    if args.name == "noopts":
        return ResourceTransformResult({"__provider": args.props["__provider"], "label": "noopts", "text": "replaced"}, ResourceOptions())
    if args.name == "drop":
        return ResourceTransformResult({"__provider": args.props["__provider"], "label": "drop", "text": "only"}, None)
Thing("opts", ResourceOptions(transforms=[everything]), text=f"o{STEP}")
Thing("deps", ResourceOptions(transforms=[everything], depends_on=[first]), text="x", gone=first.text)
Thing("noopts", ResourceOptions(transforms=[everything], depends_on=[first], protect=True, ignore_changes=["z"]), text="x", dep=first.text)
Thing("drop", ResourceOptions(transforms=[everything], depends_on=[first], ignore_changes=["z"]), text="x", dep=first.text)
pulumi.runtime.register_resource_transform(everything)
if STEP == 2:
    def bad(args):
        if args.name == "bad": raise ValueError("no such thing")
    Thing("bad", ResourceOptions(transforms=[bad]), text="x")
# legacy
def legacy(args):
    note(f"legacy {args.type_} {args.name}")
    if args.name == "legacy-t":
        return pulumi.ResourceTransformationResult({**args.props, "text": "legacy"}, pulumi.ResourceOptions.merge(args.opts, ResourceOptions(depends_on=[first])))
pulumi.runtime.register_stack_transformation(legacy)
Thing("legacy-t", ResourceOptions(transformations=[legacy]), text="n")
