# Generated from openapi.yaml and codegen/overlay.yaml by `nox -s generate`.
# Do not edit: the next run replaces this file.
"""Contains all the data models used in inputs/outputs"""

from .customer import Customer
from .issued_token import IssuedToken
from .login_request import LoginRequest
from .problem_details import ProblemDetails

__all__ = (
    "Customer",
    "IssuedToken",
    "LoginRequest",
    "ProblemDetails",
)
