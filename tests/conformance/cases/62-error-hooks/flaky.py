import os, pathlib
from typing import Any
import pulumi
from pulumi.dynamic import *
def attempt(op, props):
    f = pathlib.Path(os.environ["THINGS"]) / f"count-{op}"
    n = int(f.read_text()) if f.exists() else 0
    with open(os.environ["THINGS"] + "/journal", "a") as j: j.write(f"{op} attempt {n}\n")
    if n < int(props["times"]):
        f.write_text(str(n + 1))
        return n
    f.unlink(missing_ok=True)
    return -1
class InitErr(Exception):
    def __init__(self, id, props, reasons):
        self.id, self.properties, self.reasons = id, props, reasons
        self.inputs = props
        super().__init__("init")
class P(ResourceProvider):
    def create(self, props):
        n = attempt("create", props)
        if n >= 0:
            raise RuntimeError(f"create failed {n}")
        return CreateResult("id-f", props)
    def diff(self, i, o, n):
        return DiffResult(changes=o.get("text") != n.get("text"))
    def update(self, i, o, props):
        n = attempt("update", props)
        if n >= 0: raise RuntimeError(f"update failed {n}")
        return UpdateResult(props)
    def delete(self, i, props):
        n = attempt("delete", props)
        if n >= 0: raise RuntimeError(f"delete failed {n}")
class Flaky(Resource):
    def __init__(self, name, opts=None, **props):
        super().__init__(P(), name, props, opts)
