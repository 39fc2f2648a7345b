"""The one outgoing HTTP client: time-outs, address guard, redaction, recording."""
