# Generated from openapi.yaml and codegen/overlay.yaml by `nox -s generate`.
# Do not edit: the next run replaces this file.
"""Contains endpoint functions for accessing the API"""
