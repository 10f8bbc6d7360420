# flyte:6c07ed81ee0d27cbb986ac43a814572e
FROM python:3.12-slim-bookworm
WORKDIR /app
ENV A="1" B="with \"quotes\" and \$signs"
ENV PYTHONPATH="/app${PYTHONPATH:+:$PYTHONPATH}"
RUN --mount=type=bind,source=flyte/manifest,target=/tmp/flyte python3 /tmp/flyte/manifest.py
