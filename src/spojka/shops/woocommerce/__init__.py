"""WooCommerce: REST API v3 and webhooks."""
