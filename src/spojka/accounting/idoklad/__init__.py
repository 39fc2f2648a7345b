"""iDoklad, API v3: Czech and Slovak invoicing in the cloud, by Solitea.

Facts come from the vendor's published client (``Solitea/IdokladSdk`` 5.3, read 2026-04): models,
enumerations, error codes and what its integration tests assert. What is not confirmed there (texts
of messages, which HTTP status goes with which error, the sign of stored credit notes, rounding of
rows) is an account setting of the simulator, and the adapter works both ways.
"""
