"""Pure rules of the trade: orders, documents, VAT, numbering. No Django, no I/O."""
