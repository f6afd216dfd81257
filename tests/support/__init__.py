"""Fakes and drivers that tests of several parts share."""
