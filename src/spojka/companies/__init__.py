"""Companies (tenants), their members, API tokens, and the audit log."""
