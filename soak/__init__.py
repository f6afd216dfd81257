"""Breaks workers, gateways and networks under load, and checks what Prack promises."""
