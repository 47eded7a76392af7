import json, os, pathlib
import pulumi
from pulumi import ErrorHook, ResourceHookBinding, ResourceOptions
from things import Thing
from flaky import Flaky
MODE = os.environ.get("MODE", "")
def show(v):
    if isinstance(v, pulumi.Output): return "<output>"
    if isinstance(v, dict): return {k: show(x) for k, x in sorted(v.items()) if k != "__provider"}
    return v if isinstance(v, (str, int, float, bool, type(None), list)) else type(v).__name__
def retry(name, answer):
    def run(args):
        with open(os.environ["THINGS"] + "/journal", "a") as f:
            f.write(f"{name} {args.name} id={args.id} {args.failed_operation} {[e.strip().splitlines()[-1] for e in args.errors]} {args.type} ni={json.dumps(show(args.new_inputs))} oi={json.dumps(show(args.old_inputs))} oo={json.dumps(show(args.old_outputs))}\n")
        if "raise" in MODE: raise ValueError("hook broke")
        return answer
    return run
yes = ErrorHook("yes", retry("yes", "no" not in MODE.split(",")))
no = ErrorHook("no", retry("no", False))
if "gone" not in MODE:
    Flaky("f", ResourceOptions(hooks=ResourceHookBinding(on_error=[no, yes])), times=int(os.environ.get("TIMES", "2")), text=os.environ.get("TEXT", "a"), partial="partial" in MODE)
