"""The rules that template.yaml has to follow beyond what the linters check, one module for each part of the template.

Each rule is a generator that takes an expanded template and yields what is wrong with it, one sentence each.
"""
