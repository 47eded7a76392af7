import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider


class MakerProvider(ResourceProvider):
    def create(self, props):
        outs = {**props, "derived": props["sec"] + props["plain"], "count": 7, "fl": 7.0, "nul": None}
        return CreateResult("made", outs)

    def diff(self, _id, olds, news):
        return DiffResult(changes=olds.get("plain") != news.get("plain"))


class Maker(Resource):
    derived: pulumi.Output[str]
    plain: pulumi.Output[str]
    sec: pulumi.Output[str]

    def __init__(self, name, props, opts=None):
        super().__init__(MakerProvider(), name, {**props, "derived": None, "count": None}, opts)
