# flyte:40a0282fc6f662ba638dd58b3919b091
FROM python:3.12-slim-bookworm
WORKDIR /app
ENV PYTHONPATH="/app${PYTHONPATH:+:$PYTHONPATH}"
RUN --mount=type=bind,source=flyte/manifest,target=/tmp/flyte python3 /tmp/flyte/manifest.py
