"""What this is: the version, and the contract that it was generated from."""

__version__ = "0.1.0"

#: The day on which the contract was taken from the vendor's page, and the first 12
#: digits of the SHA-256 of the `openapi.yaml` that this package was generated from.
contract_version = "2026-11-24+d729286c88e5"
