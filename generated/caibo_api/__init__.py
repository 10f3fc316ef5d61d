# Generated from openapi.yaml and codegen/overlay.yaml by `nox -s generate`.
# Do not edit: the next run replaces this file.
"""A client library for accessing FinHub API"""

from .client import AuthenticatedClient, Client

__all__ = (
    "AuthenticatedClient",
    "Client",
)
