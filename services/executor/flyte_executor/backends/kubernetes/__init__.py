"""Attempts as pods of a Kubernetes cluster: what is sent, who sends it, and what comes back."""
