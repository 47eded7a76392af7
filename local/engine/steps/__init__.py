"""Which steps a registration leads to: pure decisions about goals, differences, targets and order."""
