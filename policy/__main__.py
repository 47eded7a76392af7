"""What Pulumi runs: ``pulumi preview --policy-pack policy --policy-pack-config policy/prod.json``."""

from policy.pack import serve

serve()
