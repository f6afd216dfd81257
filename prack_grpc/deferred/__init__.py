"""Requests that outlive their clients: kept in a store until a worker has answered them."""
