"""The figures for Prometheus. Nothing is counted here: each scrape reads what others know."""
