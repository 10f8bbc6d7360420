# flyte:8a61c4251d177cd0018d65a5257bcb23
FROM python:3.12-slim-bookworm
WORKDIR /app
WORKDIR /work
WORKDIR below
ENV PYTHONPATH="/app${PYTHONPATH:+:$PYTHONPATH}"
RUN --mount=type=bind,source=flyte/manifest,target=/tmp/flyte python3 /tmp/flyte/manifest.py
