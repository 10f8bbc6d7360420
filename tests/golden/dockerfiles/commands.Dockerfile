# flyte:51603d9d369d05b44b9b14b951d045c7
FROM python:3.12-slim-bookworm
WORKDIR /app
RUN --mount=type=secret,id=flyte-environment,target=/run/flyte-environment if [ -f /run/flyte-environment ]; then . /run/flyte-environment; fi; make all
RUN --mount=type=secret,id=flyte-environment,target=/run/flyte-environment ["/bin/sh", "-c", "if [ -f /run/flyte-environment ]; then . /run/flyte-environment; fi; cat <<END\nlines\nEND"]
ENV PYTHONPATH="/app${PYTHONPATH:+:$PYTHONPATH}"
RUN --mount=type=bind,source=flyte/manifest,target=/tmp/flyte python3 /tmp/flyte/manifest.py
