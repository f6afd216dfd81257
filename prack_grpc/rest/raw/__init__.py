"""Requests and answers as HTTP messages, of any size."""
