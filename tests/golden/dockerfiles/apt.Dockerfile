# flyte:e58520aa98f7f0fe6c409be3dc60a114
FROM python:3.12-slim-bookworm
WORKDIR /app
RUN --mount=type=cache,target=/var/cache/flyte-apt,sharing=locked --mount=type=cache,target=/var/lib/apt/lists,sharing=locked --mount=type=secret,id=flyte-environment,target=/run/flyte-environment if [ -f /run/flyte-environment ]; then . /run/flyte-environment; fi; mkdir -p /var/cache/flyte-apt/archives/partial && apt-get -q -o Dir::Cache=/var/cache/flyte-apt -o Binary::apt-get::APT::Keep-Downloaded-Packages=true -o Acquire::Languages=none update && DEBIAN_FRONTEND=noninteractive apt-get -q -o Dir::Cache=/var/cache/flyte-apt -o Binary::apt-get::APT::Keep-Downloaded-Packages=true -o Acquire::Languages=none -y --no-install-recommends install curl git
ENV PYTHONPATH="/app${PYTHONPATH:+:$PYTHONPATH}"
RUN --mount=type=bind,source=flyte/manifest,target=/tmp/flyte python3 /tmp/flyte/manifest.py
