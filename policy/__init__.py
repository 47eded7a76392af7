"""What must never be deployed: a policy pack, one policy a module.

A policy is a pure function over what a program asks for (``policy.rule``); ``policy.pack`` hands it to Pulumi.
"""
