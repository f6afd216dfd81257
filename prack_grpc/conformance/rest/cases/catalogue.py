"""Where the cases of REST are kept."""

from prack_grpc.conformance.case import Catalogue

CATALOGUE = Catalogue("docs/rest.md")
case = CATALOGUE.case
