"""``make demo``: a model's life in a few minutes, on this machine, with nothing staged but the mistake at the end.

deploy → traffic of later months → drift → event → retraining → gate → canary → a bad candidate → rollback → report
"""
