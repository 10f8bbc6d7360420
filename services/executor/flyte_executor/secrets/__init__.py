"""Secrets: kept, listed, and given to the attempts whose tasks declare them."""
