"""Operating an installation: backup and restore, health, metrics, the audit log's proof."""
