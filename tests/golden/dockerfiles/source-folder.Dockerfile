# flyte:995040a2a48b8c5e448eeb47cf38275c
FROM python:3.12-slim-bookworm
WORKDIR /app
COPY ["layers/0/src/", "./src/"]
COPY ["layers/1/src/", "/opt/code/"]
ENV PYTHONPATH="/app:/opt/code${PYTHONPATH:+:$PYTHONPATH}"
RUN --mount=type=bind,source=flyte/manifest,target=/tmp/flyte python3 /tmp/flyte/manifest.py
