import json
import os

import pulumi
from pulumi import ResourceHook, ResourceHookArgs, ResourceHookBinding, ResourceHookOptions
from pulumi import ResourceOptions as Opts
from things import Thing

STEP = int(os.environ["STEP"])
KINDS = ("before_create", "after_create", "before_update", "after_update", "before_delete", "after_delete")


def show(value):
    if isinstance(value, pulumi.Output):
        return "<output>"
    if isinstance(value, dict):
        return {key: show(item) for key, item in sorted(value.items()) if key != "__provider"}
    if isinstance(value, list):
        return [show(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__


def note(which):
    def hook(args: ResourceHookArgs):
        told = {
            "ni": args.new_inputs,
            "oi": args.old_inputs,
            "no": args.new_outputs,
            "oo": args.old_outputs,
        }
        values = " ".join(f"{name}={json.dumps(show(value))}" for name, value in told.items())
        with open(os.environ["THINGS"] + "/journal", "a") as journal:
            journal.write(f"{which} {args.name} id={args.id} type={args.type} urn={args.urn} {values}\n")

    return hook


hooks = {kind: ResourceHook(kind, note(kind), ResourceHookOptions(on_dry_run=kind.startswith("before"))) for kind in KINDS}
binding = ResourceHookBinding(**{kind: [hook] for kind, hook in hooks.items()})


async def slow(args):
    note("lambda")(args)


Thing(
    "a",
    Opts(hooks=binding),
    text="one" if STEP < 3 else "two",
    generation=0,
    n=None,
    secret=pulumi.Output.secret("hush"),
    deep={"x": [1, {"y": pulumi.Output.secret("z")}]},
)
b = Thing("b", Opts(hooks=ResourceHookBinding(before_create=[slow], after_create=[slow, hooks["after_create"]])), text="b")
Thing("c", Opts(hooks=binding), text=b.shout)
