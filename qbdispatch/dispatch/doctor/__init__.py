"""The doctor: looks at every node and *arr instance and names what is wrong, with what to do about it.

`finding` is the shape of what is found, `nodes` looks at one node, `fleet` compares nodes (pure), `arrs` looks at one
*arr instance, `examine` runs them all.
"""
