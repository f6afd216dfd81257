"""Where the cases of streams are kept."""

from prack_grpc.conformance.case import Catalogue

CATALOGUE = Catalogue("proto/README.md")
case = CATALOGUE.case
