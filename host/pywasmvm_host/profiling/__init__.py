"""What a filter costs over many requests: figures per callback, growth, limits that would fit, budgets.

    report = profile(host, read_requests("requests.jsonl"), count=100)
    report.check("budget.yaml")         # raises BudgetExceeded, one line per exceeded budget
    print(report.limits_text())         # the limits block of a configuration file

docs/profile.md shows the two files and the command.
"""

from __future__ import annotations

from .budgets import Budgets, read_budgets
from .figures import Growth, Summary
from .measure import profile
from .report import BudgetExceeded, PluginReport, Report
from .requests import Sample, read_requests

__all__ = [
    "BudgetExceeded",
    "Budgets",
    "Growth",
    "PluginReport",
    "Report",
    "Sample",
    "Summary",
    "profile",
    "read_budgets",
    "read_requests",
]
