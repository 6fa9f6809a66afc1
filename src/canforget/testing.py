"""The contracts of the families as functions: run them over a member of your own before you trust it."""

from canforget.checks_unlearner import BrokenPromise, check_unlearner

__all__ = ["BrokenPromise", "check_unlearner"]
