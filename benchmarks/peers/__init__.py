"""What Fieldmark is measured against, each written as its own users would write it,
and run as a process of its own.
"""
