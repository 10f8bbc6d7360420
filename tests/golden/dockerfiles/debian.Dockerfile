# flyte:c3cad829a879d878d473e90856daeced
FROM python:3.12-slim-bookworm
WORKDIR /app
ENV PYTHONPATH="/app${PYTHONPATH:+:$PYTHONPATH}"
RUN --mount=type=bind,source=flyte/manifest,target=/tmp/flyte python3 /tmp/flyte/manifest.py
