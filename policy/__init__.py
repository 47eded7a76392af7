"""What must never be deployed: a policy pack, a module for each category and for each policy that takes more than a property.

A policy is a pure function over what a program asks for (``policy.rule``); ``policy.pack`` hands it to Pulumi.
"""
