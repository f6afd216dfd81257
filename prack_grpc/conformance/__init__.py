"""The conformance kit: a strict gateway that names the rule that a worker breaks."""
