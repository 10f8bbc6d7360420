# flyte:2e963ce00b7943ab41bac037eca2498f
FROM python:3.12-slim-bookworm
WORKDIR /app
COPY ["layers/0/tool.py", "./"]
COPY ["layers/1/data.csv", "/data/new.csv"]
ENV PYTHONPATH="/app${PYTHONPATH:+:$PYTHONPATH}"
RUN --mount=type=bind,source=flyte/manifest,target=/tmp/flyte python3 /tmp/flyte/manifest.py
