"""Benchmarks: what Spojka must reach, as ratios measured in one run on one machine.

``python -m benchmarks`` runs all of them, ``python -m benchmarks NAME …`` some; docs/performance.md
says what each measures. They are run on demand and never by the tests: a figure of a busy machine
proves nothing, which is why most of them compare Spojka with the least that could do the same work,
in turns, in the same minute.
"""
