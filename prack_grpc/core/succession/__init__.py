"""One gateway replaces another, and for a while both have the same workers: who uses which slots.

A worker that has a stream to each may offer all its slots to both (proto/README.md section 7.4).
They belong to the earlier gateway. It gives away those that it does not need, and claims one back
when a request waits for it there. The later one uses no slot that is claimed, and allows a claim
as far as it has none of these slots in use. A claim has a number: answers to older ones count not.
"""
