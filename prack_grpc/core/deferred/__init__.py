"""Rules of requests that outlive their clients."""
