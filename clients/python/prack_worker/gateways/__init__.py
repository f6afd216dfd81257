"""Several gateways of one cluster, any of which will do."""
