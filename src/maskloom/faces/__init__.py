"""Thin faces over the verbs: command line and REST, with no algorithm of their own."""
